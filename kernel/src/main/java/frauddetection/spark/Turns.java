package frauddetection.spark;

import frauddetection.catalyst.Calls;
import java.io.Serializable;
import java.util.List;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/**
 * Numbers the events of a task before they part, so that where they meet again they can be taken in the order in which they parted
 * ({@link InTurn}). Keys share lines, and all keys of a line go to one task: a line is kept in order without a look at other tasks.
 */
public final class Turns implements Serializable {
  static final int SOURCE = 0;
  static final int LINE = 1;
  static final int NUMBER = 2;

  private static final long serialVersionUID = 1L;
  /** For each task that takes them: so many that keys seldom wait for one another. */
  private static final int LINES = 1_024;

  private static final StructType TURN =
      new StructType().add("source", DataTypes.IntegerType).add("line", DataTypes.IntegerType).add("number", DataTypes.LongType);

  private final int lines;
  // A task's own: Spark hands a copy of this to each.
  private transient long[] numbers;

  private Turns(int lines) {
    this.lines = lines;
  }

  /**
   * Returns a column, the struct of the task, the key's line, and how many of the task's events were in that line before.
   *
   * @param key by which the events are parted among {@code partitions} tasks
   */
  public static Column apply(Column key, int partitions) {
    // Spark's own hash, and a multiple of its tasks: what is alike by the line's number is alike by the task's.
    return Calls.nondeterministic(new Turns(partitions * LINES), "next", TURN, List.of(functions.hash(key)));
  }

  /** Called by the code that Spark generates. */
  public InternalRow next(int hash) {
    if (numbers == null) {
      numbers = new long[lines];
    }
    int line = Math.floorMod(hash, lines);
    return new GenericInternalRow(new Object[] {TaskContext.getPartitionId(), line, numbers[line]++});
  }
}
