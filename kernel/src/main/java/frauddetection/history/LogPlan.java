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
import java.util.stream.IntStream;

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

  /** The slots of one tally and filter that an event enters, and leaves, as an edge passes it forward. */
  record Step(int tally, Filter filter, long entering, long leaving) {}

  /** What an edge that passes an event forward has to bring up to date: indices of totals and lasts, and tallies. */
  record Edge(int[] entering, int[] leaving, int[] ending, Step[] steps) {}

  /** Where output number `output` comes from: a total, a last, or a slot of a tally. */
  record Output(int output, Aggregation of, int source, int slot) {}

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
  final Total[] totals;
  final Tally[] tallies;
  final Last[] lasts;
  final Output[] outputs;
  final Output[] lastOutputs;
  final Edge[] edges;

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
    List<Output> all = new ArrayList<>();
    for (int i = 0; i < plan.size(); i++) {
      if (plan.aggregations().get(i).of() == source) {
        all.add(place(i, plan.aggregations().get(i), totals, lasts, tallies));
      }
    }
    this.totals = totals.keySet().toArray(Total[]::new);
    this.lasts = lasts.keySet().toArray(Last[]::new);
    this.tallies = tallies.values().toArray(Tally[]::new);
    for (Tally tally : this.tallies) {
      Plan.require(tally.slots.size() < 64, "more than 63 windows count the values of one column");
    }
    lastOutputs = all.stream().filter(output -> isLast(output.of.operation())).toArray(Output[]::new);
    outputs = all.stream().filter(output -> !isLast(output.of.operation())).toArray(Output[]::new);
    edges = IntStream.range(0, offsets.length).mapToObj(this::edge).toArray(Edge[]::new);
  }

  private static boolean isLast(Operation operation) {
    return operation == Operation.LAST || operation == Operation.SECONDS_SINCE_LAST;
  }

  private Output place(int output, Aggregation a, Map<Total, Integer> totals, Map<Last, Integer> lasts,
      Map<Integer, Tally> tallies) {
    int right = edgeAt(a.delay());
    int left = edgeAt(a.delay() + a.window());
    int column = index(columns, a.value());
    Filter filter = filter(column, index(bits, a.where()));
    return switch (a.operation()) {
      case COUNT, SUM, AVERAGE, VARIANCE -> {
        // A count alone needs no sums, whatever the value.
        int summed = a.operation() == Operation.COUNT ? -1 : column;
        Total total = new Total(right, left, summed, summed >= 0 && squared[summed], filter);
        totals.putIfAbsent(total, totals.size());
        yield new Output(output, a, totals.get(total), -1);
      }
      case LAST, SECONDS_SINCE_LAST -> {
        Last last = new Last(right, column, filter);
        lasts.putIfAbsent(last, lasts.size());
        yield new Output(output, a, lasts.get(last), -1);
      }
      case MIN, MAX, UNIQUE_COUNT, COUNT_SAME -> {
        Tally tally = tallies.computeIfAbsent(column, c -> new Tally(c, new ArrayList<>()));
        Slot slot = new Slot(right, left, filter);
        if (!tally.slots.contains(slot)) {
          tally.slots.add(slot);
        }
        yield new Output(output, a, new ArrayList<>(tallies.keySet()).indexOf(column), tally.slots.indexOf(slot));
      }
    };
  }

  private Edge edge(int edge) {
    Map<List<Object>, Step> steps = new LinkedHashMap<>();
    for (int tally = 0; tally < tallies.length; tally++) {
      for (int i = 0; i < tallies[tally].slots.size(); i++) {
        Slot slot = tallies[tally].slots.get(i);
        long entering = slot.right == edge ? 1L << i : 0;
        long leaving = slot.left == edge ? 1L << i : 0;
        if ((entering | leaving) != 0) {
          steps.merge(List.of(tally, slot.filter), new Step(tally, slot.filter, entering, leaving),
              (one, other) -> new Step(one.tally, one.filter, one.entering | other.entering, one.leaving | other.leaving));
        }
      }
    }
    return new Edge(
        IntStream.range(0, totals.length).filter(i -> totals[i].right == edge).toArray(),
        IntStream.range(0, totals.length).filter(i -> totals[i].left == edge).toArray(),
        IntStream.range(0, lasts.length).filter(i -> lasts[i].edge == edge).toArray(),
        steps.values().toArray(Step[]::new));
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

  private int edgeAt(long offset) {
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
