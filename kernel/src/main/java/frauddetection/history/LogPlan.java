package frauddetection.history;

import frauddetection.history.Plan.Aggregation;
import frauddetection.history.Plan.Operation;
import frauddetection.history.Plan.Source;
import frauddetection.history.Plan.Type;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/**
 * A plan's part for one log, compiled: which edges there are and what is counted up or down when an edge passes an event.
 *
 * <p>A window is what lies between two edges, (t - delay - window] and (t - delay]. Windows with a common end share the
 * edge. What several aggregations need of the same window, value and where is kept once.
 */
final class LogPlan {
  /** A condition on an event's flags: those of the mask must be as in want. */
  record Filter(long mask, long want) {
    boolean accepts(long flags) {
      return (flags & mask) == want;
    }
  }

  /** Running count, sum of a column if it is not -1, and sum of its squares, between two edges. */
  record Total(int right, int left, int column, boolean squares, Filter filter) {}

  /** Counts of each value of one column; each slot is one window and where. */
  record Tally(int column, List<Slot> slots) {}

  record Slot(int right, int left, Filter filter) {}

  /** The last event before an edge that the filter accepts. */
  record Last(int edge, int column, Filter filter) {}

  /** Where output number `output` comes from: a total, a last, or a slot of a tally. */
  record Output(int output, Aggregation of, int edge, int source, int slot) {}

  final Source source;
  final long retention;
  /** How far each edge trails; edge 0 is where events are inserted. */
  final long[] offsets;
  /** The values that are remembered, as indices into the plan's, and the bits of the mask. */
  final int[] columns;
  final int[] bits;
  final Type[] types;
  final double[] powers;
  private final boolean[] squared;
  final List<Total> totals;
  final List<Tally> tallies;
  final List<Last> lasts;
  final List<Output> lastOutputs = new ArrayList<>();
  final List<Output> outputs = new ArrayList<>();

  /** Returns null if no aggregation is of this log. */
  static LogPlan of(Plan plan, Source source) {
    return plan.aggregations().stream().anyMatch(a -> a.of() == source) ? new LogPlan(plan, source) : null;
  }

  private LogPlan(Plan plan, Source source) {
    this.source = source;
    retention = plan.retention(source);
    List<Aggregation> own = plan.aggregations().stream().filter(a -> a.of() == source).toList();
    columns = own.stream().mapToInt(Aggregation::value).filter(value -> value >= 0).distinct().sorted().toArray();
    bits = own.stream().mapToInt(Aggregation::where).filter(where -> where >= 0).distinct().sorted().toArray();
    Plan.require(columns.length + bits.length < 64, "more than 63 values and conditions of one log");
    types = new Type[columns.length];
    powers = new double[columns.length];
    squared = new boolean[columns.length];
    for (int i = 0; i < columns.length; i++) {
      types[i] = plan.values().get(columns[i]).type();
      powers[i] = Math.pow(10, plan.values().get(columns[i]).scale());
      int value = columns[i];
      squared[i] = own.stream().anyMatch(a -> a.value() == value && a.operation() == Operation.VARIANCE);
    }
    TreeSet<Long> ends = new TreeSet<>();
    own.forEach(a -> ends.add(a.delay()));
    own.forEach(a -> ends.add(a.delay() + a.window()));
    // Transactions are inserted where the edge that does not trail stands; labels come at any time and in no order.
    if (source == Source.TRANSACTION) {
      ends.remove(0L);
    }
    offsets = new long[1 + ends.size()];
    int edge = 1;
    for (long offset : ends) {
      offsets[edge++] = offset;
    }
    Map<Total, Integer> totals = new LinkedHashMap<>();
    Map<Last, Integer> lasts = new LinkedHashMap<>();
    Map<Integer, Tally> tallies = new LinkedHashMap<>();
    for (int i = 0; i < plan.size(); i++) {
      if (plan.aggregations().get(i).of() == source) {
        place(i, plan.aggregations().get(i), totals, lasts, tallies);
      }
    }
    this.totals = List.copyOf(totals.keySet());
    this.lasts = List.copyOf(lasts.keySet());
    this.tallies = List.copyOf(tallies.values());
    this.tallies.forEach(tally -> Plan.require(tally.slots.size() < 64, "more than 63 windows count the values of one"));
  }

  private void place(int output, Aggregation a, Map<Total, Integer> totals, Map<Last, Integer> lasts,
      Map<Integer, Tally> tallies) {
    int right = edge(a.delay());
    int left = edge(a.delay() + a.window());
    int column = index(columns, a.value());
    Filter filter = filter(column, index(bits, a.where()));
    switch (a.operation()) {
      case COUNT, SUM, AVERAGE, VARIANCE -> {
        // A count alone needs no sums, whatever the value.
        int summed = a.operation() == Operation.COUNT ? -1 : column;
        Total total = new Total(right, left, summed, summed >= 0 && squared[summed], filter);
        totals.putIfAbsent(total, totals.size());
        outputs.add(new Output(output, a, right, totals.get(total), -1));
      }
      case LAST, SECONDS_SINCE_LAST -> {
        Last last = new Last(right, column, filter);
        lasts.putIfAbsent(last, lasts.size());
        lastOutputs.add(new Output(output, a, right, lasts.get(last), -1));
      }
      case MIN, MAX, UNIQUE_COUNT, COUNT_SAME -> {
        Tally tally = tallies.computeIfAbsent(column, c -> new Tally(c, new ArrayList<>()));
        Slot slot = new Slot(right, left, filter);
        if (!tally.slots.contains(slot)) {
          tally.slots.add(slot);
        }
        int source = new ArrayList<>(tallies.keySet()).indexOf(column);
        outputs.add(new Output(output, a, right, source, tally.slots.indexOf(slot)));
      }
    }
  }

  /** An event's flags: a bit for each column that is null, then a bit for each condition that holds. */
  long flags(long mask, long nulls) {
    long flags = 0;
    for (int i = 0; i < columns.length; i++) {
      flags |= (nulls >>> columns[i] & 1) << i;
    }
    for (int i = 0; i < bits.length; i++) {
      flags |= (mask >>> bits[i] & 1) << columns.length + i;
    }
    return flags;
  }

  private Filter filter(int column, int bit) {
    long want = bit < 0 ? 0 : 1L << columns.length + bit;
    return new Filter(want | (column < 0 ? 0 : 1L << column), want);
  }

  private int edge(long offset) {
    int edge = source == Source.TRANSACTION ? 0 : 1;
    while (offsets[edge] != offset) {
      edge++;
    }
    return edge;
  }

  private static int index(int[] of, int wanted) {
    for (int i = 0; i < of.length; i++) {
      if (of[i] == wanted) {
        return i;
      }
    }
    return -1;
  }
}
