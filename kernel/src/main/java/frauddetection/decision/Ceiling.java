package frauddetection.decision;

import frauddetection.catalyst.Calls;
import java.io.Serializable;
import java.util.List;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.types.DataTypes;

/** How many payments of one minute may be declined, all tasks together (docs/adr/0026). */
public final class Ceiling implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final long MICROS_PER_MINUTE = 60_000_000;
  private static final String QUERY = "sql.streaming.queryId";
  private static final String BATCH = "streaming.sql.batchId";

  private final int perMinute;
  private transient Share share;

  private Ceiling(int perMinute) {
    this.perMinute = perMinute;
  }

  /**
   * Returns a column that is true where the payment would be declined and its minute has its declines already. Spark is told that it
   * counts: it is asked once a row, where it stands.
   *
   * @param isDecline whether the payment would be declined, never null
   * @param at Kafka's timestamp of the payment, which a repeat has too
   * @param perMinute of all tasks together
   */
  public static Column apply(Column isDecline, Column at, int perMinute) {
    return Calls.nondeterministic(new Ceiling(perMinute), "isAbove", DataTypes.BooleanType, List.of(isDecline, at));
  }

  /** Called by the code that Spark generates, in a task's own copy of this. */
  public boolean isAbove(boolean isDecline, long at) {
    if (share == null) {
      share = shareOfTask();
    }
    return share.isAbove(isDecline, Math.floorDiv(at, MICROS_PER_MINUTE));
  }

  /** A stream's tasks follow each other in one partition, and count on where the last one stopped. */
  private Share shareOfTask() {
    TaskContext task = TaskContext.get();
    if (task == null) {
      return Share.alone(perMinute);
    }
    int part = Share.part(perMinute, task.partitionId(), task.numPartitions());
    String query = task.getLocalProperty(QUERY);
    return query == null ? Share.alone(part) : Share.of(query + "/" + task.partitionId(), part, Long.parseLong(task.getLocalProperty(BATCH)));
  }
}
