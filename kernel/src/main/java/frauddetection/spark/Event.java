package frauddetection.spark;

import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.unsafe.types.UTF8String;

/**
 * What comes in: the kernel's input of one event, and the event itself, which passes through unread.
 *
 * @param input fields as {@link Input} has them
 * @param event the event, as Spark has it in memory
 * @param turn as {@link Turns} has made it, null where events come in no line
 */
public record Event(InternalRow input, InternalRow event, InternalRow turn) {

  /** Called by the code that Spark generates. The rows are copied: Spark uses their memory again for the next ones. */
  public static Event of(UTF8String key, InternalRow input, InternalRow event) {
    return new Event(input.copy(), event.copy(), null);
  }

  /** The same, of events in lines. */
  public static Event of(UTF8String key, InternalRow input, InternalRow event, InternalRow turn) {
    return new Event(input.copy(), event.copy(), turn.copy());
  }
}
