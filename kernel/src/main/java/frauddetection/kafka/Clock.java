package frauddetection.kafka;

import frauddetection.catalyst.Calls;
import java.io.Serializable;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.types.DataTypes;

/** The clock of the machine that reads: what no sender can set. */
public final class Clock implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final long MICROS_PER_MILLI = 1_000;

  private Clock() {}

  /** Returns a timestamp column: when this row was read. {@code ofRow} is any column that is a long in memory, so that it is asked once a row. */
  public static Column apply(Column ofRow) {
    return Calls.nondeterministic(new Clock(), "now", DataTypes.TimestampType, List.of(ofRow));
  }

  /** Called by the code that Spark generates. */
  public long now(long ofRow) {
    return System.currentTimeMillis() * MICROS_PER_MILLI;
  }
}
