package frauddetection.kafka;

import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerInterceptor;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/**
 * Records whose timestamp Spark can hold. Kafka takes any number for a timestamp, and a sender that counts nanoseconds gives one at which
 * Spark's own conversion to microseconds fails, with the whole query, at each start. Such a record gets the nearest time that is out of the
 * calendar all the same, so that decode refuses this record alone ({@link #isPlausible}).
 */
public final class PlausibleTimes implements ConsumerInterceptor<byte[], byte[]> {
  private static final long MICROS_PER_MILLI = 1_000;
  /** What Kafka itself says of a record without a timestamp. */
  private static final long NONE = ConsumerRecord.NO_TIMESTAMP;
  /** The last millisecond whose year the contract has. */
  private static final long LAST = Instant.parse("2999-12-31T23:59:59.999Z").toEpochMilli();

  /** Whether Kafka's timestamp, in microseconds, lies within the years 1970 to 2999. */
  public static boolean isPlausible(long micros) {
    return micros >= 0 && micros < (LAST + 1) * MICROS_PER_MILLI;
  }

  @Override
  public ConsumerRecords<byte[], byte[]> onConsume(ConsumerRecords<byte[], byte[]> records) {
    for (ConsumerRecord<byte[], byte[]> one : records) {
      if (one.timestamp() < NONE || one.timestamp() > LAST + 1) {
        return withinReach(records);
      }
    }
    return records;
  }

  private static ConsumerRecords<byte[], byte[]> withinReach(ConsumerRecords<byte[], byte[]> records) {
    Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> all = new HashMap<>();
    for (TopicPartition partition : records.partitions()) {
      List<ConsumerRecord<byte[], byte[]>> ofOne = new ArrayList<>();
      records.records(partition).forEach(record -> ofOne.add(withinReach(record)));
      all.put(partition, ofOne);
    }
    return new ConsumerRecords<>(all);
  }

  private static ConsumerRecord<byte[], byte[]> withinReach(ConsumerRecord<byte[], byte[]> record) {
    return new ConsumerRecord<>(
        record.topic(),
        record.partition(),
        record.offset(),
        Math.max(NONE, Math.min(LAST + 1, record.timestamp())),
        record.timestampType(),
        record.serializedKeySize(),
        record.serializedValueSize(),
        record.key(),
        record.value(),
        record.headers(),
        record.leaderEpoch());
  }

  @Override
  public void configure(Map<String, ?> settings) {
    // There are none.
  }

  @Override
  public void onCommit(Map<TopicPartition, OffsetAndMetadata> offsets) {
    // Spark keeps the places.
  }

  @Override
  public void close() {
    // Nothing is open.
  }
}
