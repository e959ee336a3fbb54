package frauddetection.history;

import frauddetection.history.LogPlan.Edge;
import frauddetection.history.LogPlan.Filter;
import frauddetection.history.LogPlan.Last;
import frauddetection.history.LogPlan.Step;
import frauddetection.history.LogPlan.Total;
import frauddetection.history.Plan.Type;

/** The running aggregates between the edges of a log: brought up to date by every event that an edge passes. */
final class Aggregates {
  /** What is known of the last accepted event before an edge. */
  private static final int NONE = 0;
  private static final int KNOWN = 1;
  private static final int UNKNOWN = 2;

  private final LogPlan plan;
  final long[] counts;
  // Of 128 bits each: a value has up to fourteen digits, its square 28, and there may be any number of them.
  final long[] sumsHigh;
  final long[] sumsLow;
  final long[] squaresHigh;
  final long[] squaresLow;
  final TallyTree[] tallies;
  private final int[] lastState;
  private final long[] lastTime;
  private final long[] lastValue;

  Aggregates(LogPlan plan, Store store) {
    this.plan = plan;
    int totals = plan.totals.length;
    counts = new long[totals];
    sumsHigh = new long[totals];
    sumsLow = new long[totals];
    squaresHigh = new long[totals];
    squaresLow = new long[totals];
    int lasts = plan.lasts.length;
    lastState = new int[lasts];
    lastTime = new long[lasts];
    lastValue = new long[lasts];
    tallies = new TallyTree[plan.tallies.length];
    for (int i = 0; i < tallies.length; i++) {
      boolean packed = plan.types[plan.tallies[i].column()] == Type.FIXED;
      tallies[i] = new TallyTree(store, plan.tallies[i].slots().size(), packed);
    }
  }

  /** The edge moves over this event, towards younger ones if forward. */
  void pass(int edge, Chunk chunk, int i, boolean forward) {
    count(plan.edges[edge], chunk, i, forward ? 1 : -1);
    for (int last : plan.edges[edge].ending()) {
      if (plan.lasts[last].filter().accepts(chunk.flags[i])) {
        if (forward) {
          know(last, chunk, i);
        } else {
          lastState[last] = UNKNOWN; // it was this one
        }
      }
    }
  }

  /** The event is put in somewhere before the edge. */
  void insertBefore(int edge, Chunk chunk, int i) {
    enter(plan.edges[edge], chunk, i);
  }

  /** The label of an event before the edge is about to be another one. */
  void labelGoes(int edge, Chunk chunk, int i) {
    Edge passed = plan.labelEdges[edge];
    count(passed, chunk, i, -1);
    for (int last : passed.ending()) {
      if (plan.lasts[last].filter().accepts(chunk.flags[i]) && lastTime[last] == chunk.times[i]) {
        lastState[last] = UNKNOWN; // it may have been this one
      }
    }
  }

  /** An event before the edge has got another label. */
  void labelComes(int edge, Chunk chunk, int i) {
    enter(plan.labelEdges[edge], chunk, i);
  }

  private void enter(Edge passed, Chunk chunk, int i) {
    count(passed, chunk, i, 1);
    for (int last : passed.ending()) {
      if (plan.lasts[last].filter().accepts(chunk.flags[i])) {
        if (lastState[last] == NONE || lastState[last] == KNOWN && lastTime[last] < chunk.times[i]) {
          know(last, chunk, i);
        } else if (lastTime[last] == chunk.times[i]) {
          lastState[last] = UNKNOWN; // the ids decide
        }
      }
    }
  }

  private void count(Edge passed, Chunk chunk, int i, int sign) {
    long flags = chunk.flags[i];
    for (int total : passed.entering()) {
      count(total, flags, chunk, i, sign);
    }
    for (int total : passed.leaving()) {
      count(total, flags, chunk, i, -sign);
    }
    for (Step step : passed.steps()) {
      if (step.filter().accepts(flags)) {
        long more = sign > 0 ? step.entering() : step.leaving();
        long less = sign > 0 ? step.leaving() : step.entering();
        tallies[step.tally()].add(key(step.tally(), chunk, i), more, less);
      }
    }
  }

  private void count(int at, long flags, Chunk chunk, int i, int sign) {
    Total total = plan.totals[at];
    if (!total.filter().accepts(flags)) {
      return;
    }
    counts[at] += sign;
    if (total.column() >= 0) {
      long value = chunk.value(i, total.column());
      add(sumsHigh, sumsLow, at, sign, value >> 63, value);
      if (total.squares()) {
        add(squaresHigh, squaresLow, at, sign, Math.multiplyHigh(value, value), value * value);
      }
    }
  }

  /** Adds a number of 128 bits to the one at this place, or takes it from it. */
  private static void add(long[] high, long[] low, int at, int sign, long moreHigh, long moreLow) {
    long before = low[at];
    low[at] = before + sign * moreLow;
    int over = Long.compareUnsigned(low[at], before);
    boolean carried = sign > 0 ? over < 0 : over > 0;
    high[at] += sign * (moreHigh + (carried ? 1 : 0));
  }

  /** The key under which a tally counts this event's value: doubles become longs of the same order. */
  long key(int tally, Chunk chunk, int i) {
    int column = plan.tallies[tally].column();
    long value = chunk.value(i, column);
    return plan.types[column] == Type.DOUBLE ? ordered(value) : value;
  }

  /** Maps the bits of doubles to longs in the order of {@link Double#compare}, and back. */
  static long ordered(long bits) {
    return bits ^ bits >> 63 & Long.MAX_VALUE;
  }

  private void know(int last, Chunk chunk, int i) {
    int column = plan.lasts[last].column();
    lastState[last] = KNOWN;
    lastTime[last] = chunk.times[i];
    lastValue[last] = column < 0 ? 0 : chunk.value(i, column);
  }

  /** Whether there is a last event; if so its time and value are known afterwards. */
  boolean hasLast(int last, EventLog log) {
    if (lastState[last] == UNKNOWN) {
      lastState[last] = NONE;
      Last wanted = plan.lasts[last];
      Filter filter = wanted.filter();
      log.backwardFrom(wanted.edge(), (chunk, i) -> {
        if (filter.accepts(chunk.flags[i])) {
          know(last, chunk, i);
        }
        return lastState[last] == NONE;
      });
    }
    return lastState[last] == KNOWN;
  }

  long lastTime(int last) {
    return lastTime[last];
  }

  long lastValue(int last) {
    return lastValue[last];
  }

  void release() {
    for (TallyTree tally : tallies) {
      tally.release();
    }
  }

  void write(Writer to) {
    for (int i = 0; i < counts.length; i++) {
      to.unsigned(counts[i]);
      if (plan.totals[i].column() >= 0) {
        to.signed(sumsLow[i]);
        to.signed(sumsHigh[i] - (sumsLow[i] >> 63)); // 0 where the sum fits into 64 bits
      }
      if (plan.totals[i].squares()) {
        to.signed(squaresHigh[i]);
        to.unsigned(squaresLow[i]);
      }
    }
    for (int i = 0; i < lastState.length; i++) {
      to.unsigned(lastState[i]);
      if (lastState[i] == KNOWN) {
        to.signed(lastTime[i]);
        to.signed(lastValue[i]);
      }
    }
    for (TallyTree tally : tallies) {
      tally.write(to);
    }
  }

  void read(Reader from) {
    for (int i = 0; i < counts.length; i++) {
      counts[i] = from.unsigned();
      if (plan.totals[i].column() >= 0) {
        sumsLow[i] = from.signed();
        sumsHigh[i] = from.signed() + (sumsLow[i] >> 63);
      }
      if (plan.totals[i].squares()) {
        squaresHigh[i] = from.signed();
        squaresLow[i] = from.unsigned();
      }
    }
    for (int i = 0; i < lastState.length; i++) {
      lastState[i] = from.number();
      if (lastState[i] == KNOWN) {
        lastTime[i] = from.signed();
        lastValue[i] = from.signed();
      }
    }
    for (TallyTree tally : tallies) {
      tally.read(from);
    }
  }
}
