package frauddetection.kafka;

import java.util.Map;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;

/**
 * How many records wait. Kafka's places count the marks of transactions too, so that a topic whose last record is such a mark would never
 * be read to its end.
 */
final class Unread {
  /** More than a transaction leaves behind its records; so much is a backlog, and is not read to be counted. */
  private static final long MOST = 1_000;

  private final Map<String, Object> connection;
  private Map<TopicPartition, Long> before = Map.of();

  Unread(Map<String, Object> connection) {
    this.connection = connection;
  }

  /** Returns how many lie between what is read and the ends. Where a partition stands still, its records are looked at. */
  long count(Map<TopicPartition, Long> read, Map<TopicPartition, Long> ends) {
    long count = 0;
    for (Map.Entry<TopicPartition, Long> end : ends.entrySet()) {
      long place = read.getOrDefault(end.getKey(), 0L);
      long behind = Math.max(0, end.getValue() - place);
      boolean isLooked = behind > 0 && behind <= MOST && before.getOrDefault(end.getKey(), -1L) == place;
      count += isLooked && isEmpty(end.getKey(), place, end.getValue()) ? 0 : behind;
    }
    before = read;
    return count;
  }

  private boolean isEmpty(TopicPartition partition, long from, long to) {
    try {
      return Timestamps.read(connection, partition, from, to, 1).isEmpty();
    } catch (IllegalStateException | KafkaException error) {
      return false; // a number in a metric must not end the stream
    }
  }
}
