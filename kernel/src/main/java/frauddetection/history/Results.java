package frauddetection.history;

import frauddetection.history.LogPlan.Output;
import frauddetection.history.Plan.Operation;
import frauddetection.history.Plan.Type;
import java.math.BigInteger;

/** Turns running aggregates into the doubles that {@link KeyHistory} promises. */
final class Results {
  private Results() {}

  /** Fills LAST and SECONDS_SINCE_LAST; for transactions while the current event is still ahead of edge 0. */
  static void fillLasts(EventLog log, long time, double[] out) {
    for (Output output : log.plan.lastOutputs) {
      long after = Math.max(time - output.of().delay() - output.of().window(), log.horizon());
      int last = output.source();
      double result = Double.NaN;
      if (log.aggregates.hasLast(last, log) && log.aggregates.lastTime(last) > after) {
        int column = log.plan.lasts[last].column();
        result = output.of().operation() == Operation.SECONDS_SINCE_LAST
            ? (time - log.aggregates.lastTime(last)) / 1e6
            : number(log.plan.types[column], log.aggregates.lastValue(last), log.plan.powers[column]);
      }
      out[output.output()] = result;
    }
  }

  /** Fills the others; the current event, if any, is event i of the chunk. */
  static void fill(EventLog log, Chunk current, int i, double[] out) {
    Aggregates aggregates = log.aggregates;
    for (Output output : log.plan.outputs) {
      int at = output.source();
      out[output.output()] = switch (output.of().operation()) {
        case COUNT -> aggregates.counts[at];
        case SUM -> sum(aggregates, at) / power(log, at);
        case AVERAGE -> aggregates.counts[at] == 0 ? Double.NaN
            : sum(aggregates, at) / (aggregates.counts[at] * power(log, at));
        case PAST_AVERAGE -> pastAverage(log, at, current, i);
        case VARIANCE -> variance(aggregates, at, power(log, at));
        default -> ofTally(log, output, current, i);
      };
    }
  }

  private static double power(EventLog log, int total) {
    return log.plan.powers[log.plan.totals[total].column()];
  }

  private static double ofTally(EventLog log, Output output, Chunk current, int i) {
    TallyTree tally = log.aggregates.tallies[output.source()];
    int column = log.plan.tallies[output.source()].column();
    int slot = output.slot();
    switch (output.of().operation()) {
      case UNIQUE_COUNT:
        return tally.distinct(slot);
      case COUNT_SAME:
        return current == null || current.isNull(i, column) ? Double.NaN
            : tally.count(log.aggregates.key(output.source(), current, i), slot);
      default:
        if (tally.distinct(slot) == 0) {
          return Double.NaN;
        }
        long key = output.of().operation() == Operation.MIN ? tally.least(slot) : tally.greatest(slot);
        Type type = log.plan.types[column];
        return number(type, type == Type.DOUBLE ? Aggregates.ordered(key) : key, log.plan.powers[column]);
    }
  }

  private static double sum(Aggregates aggregates, int at) {
    long low = aggregates.sumsLow[at];
    return aggregates.sumsHigh[at] == low >> 63 ? low : wide(aggregates.sumsHigh[at], low).doubleValue();
  }

  /** The mean without the current event: taken from the exact sum, so that nothing is left of it. */
  private static double pastAverage(EventLog log, int at, Chunk current, int i) {
    LogPlan.Total total = log.plan.totals[at];
    boolean counted = current != null && total.filter().accepts(current.flags[i]);
    long n = log.aggregates.counts[at] - (counted ? 1 : 0);
    if (n == 0) {
      return Double.NaN;
    }
    long own = counted ? current.value(i, total.column()) : 0;
    long low = log.aggregates.sumsLow[at];
    long high = log.aggregates.sumsHigh[at];
    boolean fits = high == low >> 63 && low > Long.MIN_VALUE / 2 && low < Long.MAX_VALUE / 2;
    double past = fits ? low - own : wide(high, low).subtract(BigInteger.valueOf(own)).doubleValue();
    return past / (n * power(log, at));
  }

  private static BigInteger wide(long high, long low) {
    return BigInteger.valueOf(high).shiftLeft(64).add(new BigInteger(Long.toUnsignedString(low)));
  }

  private static double variance(Aggregates aggregates, int at, double power) {
    long n = aggregates.counts[at];
    if (n == 0) {
      return Double.NaN;
    }
    long sum = aggregates.sumsLow[at];
    long squares = aggregates.squaresLow[at];
    double numerator;
    // Both products fit into a long for all but extreme windows; then longs are exact and a hundred times faster.
    if (aggregates.sumsHigh[at] == sum >> 63 && aggregates.squaresHigh[at] == 0 && squares >= 0
        && Math.multiplyHigh(n, squares) == 0 && n * squares >= 0 && Math.multiplyHigh(sum, sum) == 0 && sum * sum >= 0) {
      numerator = n * squares - sum * sum;
    } else {
      BigInteger ofSum = wide(aggregates.sumsHigh[at], sum).pow(2);
      numerator = BigInteger.valueOf(n).multiply(wide(aggregates.squaresHigh[at], squares)).subtract(ofSum).doubleValue();
    }
    return numerator / ((double) n * n * (power * power));
  }

  /** The number that a fixed or double value stands for. */
  static double number(Type type, long value, double power) {
    return type == Type.DOUBLE ? Double.longBitsToDouble(value) : value / power;
  }
}
