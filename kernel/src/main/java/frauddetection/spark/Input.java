package frauddetection.spark;

import frauddetection.history.Plan;
import org.apache.spark.sql.catalyst.InternalRow;

/**
 * Reads the struct {@code input} that spark_jobs/transforms/history.py makes: operation, arrival, time, id, mask, then the plan's values.
 * Times are microseconds since 1970.
 */
final class Input {
  static final byte NONE = 0;
  static final byte PROFILE = 1;
  static final byte LABEL = 2;
  static final byte TRANSACTION = 3;

  private static final int OPERATION = 0;
  private static final int ARRIVAL = 1;
  private static final int TIME = 2;
  private static final int ID = 3;
  private static final int MASK = 4;
  private static final int VALUES = 5;
  private static final int DECIMAL_PRECISION = 12;

  private final Plan plan;
  final long[] values;
  long nulls;

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

  static long mask(InternalRow input) {
    return input.getLong(MASK);
  }

  /** Puts the event's values into {@link #values} and {@link #nulls}. */
  void read(InternalRow input) {
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

  /**
   * The order in which the events of a key that are handled together are taken: by arrival, which is the time of a transaction and the
   * time at which a label or a profile became known. What is known at an instant is known to the transactions of that instant.
   */
  static int compare(InternalRow one, InternalRow other) {
    int order = Long.compare(one.getLong(ARRIVAL), other.getLong(ARRIVAL));
    if (order == 0) {
      order = Byte.compare(operation(one), operation(other));
    }
    return order != 0 ? order : one.getUTF8String(ID).compareTo(other.getUTF8String(ID));
  }
}
