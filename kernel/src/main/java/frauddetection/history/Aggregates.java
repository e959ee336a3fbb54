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
  final long[] sums;
  // Squares of twelve digits need 128 bits as soon as there are many.
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
    sums = new long[totals];
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
    count(edge, chunk, i, forward ? 1 : -1);
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
    count(edge, chunk, i, 1);
    for (int last : plan.edges[edge].ending()) {
      if (plan.lasts[last].filter().accepts(chunk.flags[i])) {
        if (lastState[last] == NONE || lastState[last] == KNOWN && lastTime[last] < chunk.times[i]) {
          know(last, chunk, i);
        } else if (lastTime[last] == chunk.times[i]) {
          lastState[last] = UNKNOWN; // the ids decide
        }
      }
    }
  }

  private void count(int edge, Chunk chunk, int i, int sign) {
    Edge passed = plan.edges[edge];
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
      sums[at] += sign * value;
      if (total.squares()) {
        long low = squaresLow[at];
        squaresLow[at] += sign * (value * value);
        boolean carry = sign > 0
            ? Long.compareUnsigned(squaresLow[at], low) < 0 : Long.compareUnsigned(squaresLow[at], low) > 0;
        squaresHigh[at] += sign * (Math.multiplyHigh(value, value) + (carry ? 1 : 0));
      }
    }
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
        to.signed(sums[i]);
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
        sums[i] = from.signed();
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
