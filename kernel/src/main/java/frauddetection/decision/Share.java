package frauddetection.decision;

import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What one partition may decline in a minute, and what it has declined so far. Of a stream there is one in a JVM for each partition, which
 * all batches share.
 */
final class Share {
  /** As many minutes as a topic usually keeps: a week. */
  private static final int KEPT = 7 * 24 * 60;
  private static final Map<String, Share> SHARES = new ConcurrentHashMap<>();

  private final TreeMap<Long, Integer> before = new TreeMap<>();
  private final Map<Long, Integer> inBatch = new HashMap<>();
  private int limit;
  private long batch;
  /** What came in this minute or before is not known, and counts as full; null until the first payment tells which minute it is. */
  private Long fullUntil;

  private Share(int limit, long batch) {
    this.limit = limit;
    this.batch = batch;
    // Who takes over from another JVM does not know what that has declined; of a first batch there was nobody before.
    fullUntil = batch == 0 ? Long.MIN_VALUE : null;
  }

  /** Returns what a partition may have of the whole, so that the parts of all add up to it. */
  static int part(int whole, int partition, int partitions) {
    return whole / partitions + (partition < whole % partitions ? 1 : 0);
  }

  /** Returns one that nobody shares: of a batch that is no stream's. */
  static Share alone(int limit) {
    return new Share(limit, 0);
  }

  /** Returns the one of a partition, at the begin of a batch: a batch that comes again is counted again from where it began. */
  static Share of(String partition, int limit, long batch) {
    Share share = SHARES.computeIfAbsent(partition, unknown -> new Share(limit, batch));
    share.begin(limit, batch);
    return share;
  }

  /** Returns whether the payment would be declined, and its minute has its declines already; else it is counted if it is declined. */
  synchronized boolean isAbove(boolean isDecline, long minute) {
    if (fullUntil == null) {
      fullUntil = minute;
    }
    if (!isDecline) {
      return false;
    }
    if (minute <= fullUntil || before.getOrDefault(minute, 0) + inBatch.getOrDefault(minute, 0) >= limit) {
      return true;
    }
    inBatch.merge(minute, 1, Integer::sum);
    return false;
  }

  private synchronized void begin(int nextLimit, long next) {
    limit = nextLimit;
    if (next != batch) {
      inBatch.forEach((minute, count) -> before.merge(minute, count, Integer::sum));
      batch = next;
    }
    inBatch.clear();
    while (before.size() > KEPT) {
      fullUntil = Math.max(fullUntil, before.pollFirstEntry().getKey());
    }
  }
}
