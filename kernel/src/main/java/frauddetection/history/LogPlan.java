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
import java.util.function.Predicate;
import java.util.stream.IntStream;

/**
 * A plan's part for the log, compiled: which edges there are and what is counted up or down when an edge passes an event.
 *
 * <p>An event is a transaction, and what its label says, once that has arrived. A window is what lies between two edges, (t -
 * delay - window] and (t - delay]. Windows with a common end share the edge. What several aggregations need of the same window,
 * value and where is kept once.
 */
final class LogPlan {
  /** A condition on an event's flags: those of the mask must be as in want. */
  record Filter(long mask, long want) {
    boolean accepts(long flags) {
      return (flags & mask) == want;
    }
  }

  /** A value or a condition of the plan, by its number there, of a transaction or of its label. */
  record Part(Source source, int number) {}

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

  final long retention;
  /** How far each edge trails; edge 0 is where transactions are inserted. */
  final long[] offsets;
  /** The values that are remembered, and the conditions: those of transactions first. */
  final Part[] columns;
  final Part[] conditions;
  /** The flag of an event that has a label; 0 if no aggregation is of labels. */
  final long labelled;
  /** All flags that are the label's. */
  private final long ofLabel;
  final Type[] types;
  final double[] powers;
  private final boolean[] squared;
  final Total[] totals;
  final Tally[] tallies;
  final Last[] lasts;
  final Output[] outputs;
  final Output[] lastOutputs;
  final Edge[] edges;
  /** Of each edge only what depends on labels. */
  final Edge[] labelEdges;

  /** Returns null if no aggregation is of transactions or of their labels. */
  static LogPlan of(Plan plan) {
    List<Aggregation> own = plan.aggregations().stream().filter(a -> a.of() != Source.PROFILE).toList();
    return own.isEmpty() ? null : new LogPlan(plan, own);
  }

  private LogPlan(Plan plan, List<Aggregation> own) {
    retention = plan.retention();
    columns = parts(own.stream().map(a -> new Part(a.of(), a.value())).toList());
    conditions = parts(own.stream().map(a -> new Part(a.of(), a.where())).toList());
    Plan.require(columns.length + conditions.length < 63, "more than 62 values and conditions of one log");
    boolean labels = own.stream().anyMatch(a -> a.of() == Source.LABEL);
    labelled = labels ? 1L << columns.length + conditions.length : 0;
    ofLabel = labelled | flagsOf(columns, 0) | flagsOf(conditions, columns.length);
    types = new Type[columns.length];
    powers = new double[columns.length];
    squared = new boolean[columns.length];
    for (int i = 0; i < columns.length; i++) {
      Part column = columns[i];
      types[i] = plan.values().get(column.number).type();
      powers[i] = Math.pow(10, plan.values().get(column.number).scale());
      squared[i] = own.stream().anyMatch(
          a -> a.value() == column.number && a.of() == column.source && a.operation() == Operation.VARIANCE);
    }
    TreeSet<Long> ends = new TreeSet<>();
    own.forEach(a -> ends.add(a.delay()));
    own.forEach(a -> ends.add(a.delay() + a.window()));
    ends.remove(0L); // that is edge 0
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
      if (plan.aggregations().get(i).of() != Source.PROFILE) {
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
    edges = IntStream.range(0, offsets.length).mapToObj(i -> edge(i, any -> true)).toArray(Edge[]::new);
    labelEdges = IntStream.range(0, offsets.length)
        .mapToObj(i -> edge(i, filter -> (filter.want & labelled) != 0)).toArray(Edge[]::new);
  }

  private static Part[] parts(List<Part> used) {
    return used.stream().filter(part -> part.number >= 0).distinct()
        .sorted((one, other) -> one.source != other.source
            ? one.source.compareTo(other.source) : Integer.compare(one.number, other.number))
        .toArray(Part[]::new);
  }

  private static long flagsOf(Part[] parts, int from) {
    return IntStream.range(0, parts.length).filter(i -> parts[i].source == Source.LABEL)
        .mapToLong(i -> 1L << from + i).reduce(0, (one, other) -> one | other);
  }

  private static boolean isLast(Operation operation) {
    return operation == Operation.LAST || operation == Operation.SECONDS_SINCE_LAST;
  }

  private Output place(int output, Aggregation a, Map<Total, Integer> totals, Map<Last, Integer> lasts,
      Map<Integer, Tally> tallies) {
    int right = edgeAt(a.delay());
    int left = edgeAt(a.delay() + a.window());
    int column = List.of(columns).indexOf(new Part(a.of(), a.value()));
    Filter filter = filter(a.of(), column, List.of(conditions).indexOf(new Part(a.of(), a.where())));
    return switch (a.operation()) {
      case COUNT, SUM, AVERAGE, PAST_AVERAGE, VARIANCE -> {
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

  private Edge edge(int edge, Predicate<Filter> wanted) {
    Map<List<Object>, Step> steps = new LinkedHashMap<>();
    for (int tally = 0; tally < tallies.length; tally++) {
      for (int i = 0; i < tallies[tally].slots.size(); i++) {
        Slot slot = tallies[tally].slots.get(i);
        long entering = slot.right == edge ? 1L << i : 0;
        long leaving = slot.left == edge ? 1L << i : 0;
        if ((entering | leaving) != 0 && wanted.test(slot.filter)) {
          steps.merge(List.of(tally, slot.filter), new Step(tally, slot.filter, entering, leaving),
              (one, other) -> new Step(one.tally, one.filter, one.entering | other.entering, one.leaving | other.leaving));
        }
      }
    }
    return new Edge(
        IntStream.range(0, totals.length).filter(i -> totals[i].right == edge && wanted.test(totals[i].filter)).toArray(),
        IntStream.range(0, totals.length).filter(i -> totals[i].left == edge && wanted.test(totals[i].filter)).toArray(),
        IntStream.range(0, lasts.length).filter(i -> lasts[i].edge == edge && wanted.test(lasts[i].filter)).toArray(),
        steps.values().toArray(Step[]::new));
  }

  /**
   * An event's flags: a bit for each column that is null, then a bit for each condition that holds, then one if it has a label. What is
   * of the other source is null, and holds not.
   */
  long flags(Source of, long mask, long nulls) {
    long flags = of == Source.LABEL ? labelled : 0;
    for (int i = 0; i < columns.length; i++) {
      flags |= (columns[i].source == of ? nulls >>> columns[i].number & 1 : 1) << i;
    }
    for (int i = 0; i < conditions.length; i++) {
      flags |= (conditions[i].source == of ? mask >>> conditions[i].number & 1 : 0) << columns.length + i;
    }
    return flags;
  }

  /** The flags of an event that had these and gets this label, in place of one that it may have had. */
  long relabelled(long flags, long label) {
    return flags & ~ofLabel | label & ofLabel;
  }

  private Filter filter(Source of, int column, int condition) {
    long want = (condition < 0 ? 0 : 1L << columns.length + condition) | (of == Source.LABEL ? labelled : 0);
    return new Filter(want | (column < 0 ? 0 : 1L << column), want);
  }

  private int edgeAt(long offset) {
    int edge = 0;
    while (offsets[edge] != offset) {
      edge++;
    }
    return edge;
  }
}
