package frauddetection.spark;

import frauddetection.history.KeyHistory;
import frauddetection.history.Plan;
import org.apache.spark.sql.catalyst.InternalRow;

/**
 * Reads the struct {@code input} that spark_jobs/transforms/history.py makes: operation, arrival, time, id, rank, mask, then the plan's
 * values. Times are microseconds since 1970.
 */
final class Input {
  static final byte NONE = 0;
  static final byte PROFILE = 1;
  static final byte LABEL = 2;
  static final byte TRANSACTION = 3;
  static final byte FORGET_PROFILE = 4;

  private static final int OPERATION = 0;
  private static final int ARRIVAL = 1;
  private static final int TIME = 2;
  private static final int ID = 3;
  private static final int RANK = 4;
  private static final int MASK = 5;
  private static final int VALUES = 6;
  private static final int DECIMAL_PRECISION = 14;

  private final Plan plan;
  private final long[] values;
  private long nulls;

  Input(Plan plan) {
    this.plan = plan;
    this.values = new long[plan.values().size()];
  }

  static byte operation(InternalRow input) {
    return input.getByte(OPERATION);
  }

  static long time(InternalRow input) {
    return input.getLong(TIME);
  }

  static byte[] id(InternalRow input) {
    return input.getUTF8String(ID).getBytes();
  }

  /** Of a label: when it became known. */
  static long arrival(InternalRow input) {
    return input.getLong(ARRIVAL);
  }

  /** Of a label: the rank of who said so. */
  static int rank(InternalRow input) {
    return input.getByte(RANK);
  }

  static long mask(InternalRow input) {
    return input.getLong(MASK);
  }

  /** Puts the event's values into {@link #values} and {@link #nulls}. */
  private void read(InternalRow input) {
    nulls = 0;
    for (int i = 0; i < values.length; i++) {
      int field = VALUES + i;
      values[i] = 0;
      if (input.isNullAt(field)) {
        nulls |= 1L << i;
        continue;
      }
      Plan.Value value = plan.values().get(i);
      values[i] = switch (value.type()) {
        case FIXED -> input.getDecimal(field, DECIMAL_PRECISION, value.scale()).toUnscaledLong();
        case DOUBLE -> Double.doubleToRawLongBits(input.getDouble(field));
        case HASH -> input.getLong(field);
      };
    }
  }

  /** Gives an event to the history of its key; returns whether it is a transaction, whose results are there then. */
  boolean tell(InternalRow input, KeyHistory history, double[] results) {
    read(input);
    switch (operation(input)) {
      case PROFILE -> history.profile(time(input), values, nulls);
      case FORGET_PROFILE -> history.forgetProfile();
      case LABEL -> history.label(time(input), id(input), arrival(input), rank(input), mask(input), values, nulls);
      default -> {
        history.transaction(time(input), id(input), mask(input), values, nulls, results);
        return true;
      }
    }
    return false;
  }

  /**
   * The order in which the events of a key that are handled together are taken: by the time of a transaction, and the time at which a
   * label or a profile became known. What is known at an instant is known to the transactions of that instant, but that a label comes
   * after the transaction that it is about, however early it says to be known.
   */
  static int compare(InternalRow one, InternalRow other) {
    return compare(one, other, operation(one) == PROFILE ? time(one) : due(one), operation(other) == PROFILE ? time(other) : due(other));
  }

  /**
   * The order where the key's profile is also forgotten: profiles, and that one is forgotten, as they came to Kafka. When a profile
   * began says nothing of whether it came before or after.
   */
  static int compareAsTheyCame(InternalRow one, InternalRow other) {
    return compare(one, other, due(one), due(other));
  }

  private static int compare(InternalRow one, InternalRow other, long due, long otherDue) {
    int order = Long.compare(due, otherDue);
    if (order == 0) {
      order = Integer.compare(turn(one), turn(other));
    }
    return order != 0 || turn(one) == 0 ? order : one.getUTF8String(ID).compareTo(other.getUTF8String(ID));
  }

  private static long due(InternalRow input) {
    return operation(input) == LABEL ? Math.max(arrival(input), time(input)) : arrival(input);
  }

  /** Of what is due at one instant. */
  private static int turn(InternalRow input) {
    return switch (operation(input)) {
      case NONE, PROFILE, FORGET_PROFILE -> 0;
      case LABEL -> arrival(input) > time(input) ? 1 : 3;
      default -> 2;
    };
  }
}
