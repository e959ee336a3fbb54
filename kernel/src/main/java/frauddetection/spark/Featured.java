package frauddetection.spark;

import org.apache.spark.sql.catalyst.InternalRow;

/**
 * What goes out.
 *
 * @param event the event as it came
 * @param history one double for each aggregation of the plan, null where it is absent; null where the event is no transaction
 */
public record Featured(InternalRow event, InternalRow history) {

  /** Spark makes a deserializer of every encoder; nobody reads these back. */
  public static Featured unreadable(InternalRow event, InternalRow history) {
    throw new UnsupportedOperationException();
  }
}
