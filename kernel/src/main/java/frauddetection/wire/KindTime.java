package frauddetection.wire;

import java.io.Serializable;

/**
 * The limits of one time of a record.
 *
 * <p>It may not lie ahead of the reader's clock: a sender may set Kafka's timestamp too. The reader's clock is read once, when the record
 * is: a record that is repeated is judged by a later reading, and so decided alike unless its time has come meanwhile.
 */
final class KindTime implements Serializable {
  private static final long serialVersionUID = 1L;

  private final String name;
  private final int place;
  private final long maxFuture;
  private final Long maxAge;

  KindTime(DecodePlan.Time time, int place) {
    name = time.field();
    this.place = place;
    maxFuture = time.maxFuture();
    maxAge = time.maxAge();
  }

  void judge(Object[] values, long arrival, long readBy, Found found) {
    if (values[place] == null) {
      return;
    }
    long at = (Long) values[place];
    long latest = maxAge == null ? readBy : Math.min(arrival, readBy);
    if (at > latest + maxFuture) {
      found.reason(name + "_in_future");
    } else if (maxAge != null && at < arrival - maxAge) {
      found.reason(name + "_too_old");
    }
  }
}
