package frauddetection.kafka;

import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * The timestamps of a partition's records, read one by one. Kafka's index by timestamp shows nothing behind a record that is stamped too
 * late, as by a sender whose clock is years ahead: to every question it answers with that record.
 */
final class Timestamps {
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final int SOME = 1024;

  private long[] offsets = new long[SOME];
  private long[] times = new long[SOME];
  private int size;
  private final long end;

  private Timestamps(KafkaConsumer<byte[], byte[]> consumer, TopicPartition partition, long from, long to, long most) {
    consumer.assign(Set.of(partition));
    consumer.seek(partition, from);
    for (long at = from; at < to && size < most; at = consumer.position(partition)) {
      Iterable<ConsumerRecord<byte[], byte[]>> found = consumer.poll(PATIENCE);
      // Without a record it goes on too, over what was compacted and over the marks of transactions.
      if (!found.iterator().hasNext() && consumer.position(partition) <= at) {
        throw new IllegalStateException("Kafka does not give the records of " + partition + " behind offset " + at);
      }
      found.forEach(one -> add(one.offset(), one.timestamp()));
    }
    end = Math.min(to, consumer.position(partition));
  }

  /** Returns those of the records from one offset to another, of so many at most. */
  static Timestamps read(Map<String, Object> connection, TopicPartition partition, long from, long to, long most) {
    Map<String, Object> settings = new HashMap<>(connection);
    settings.put(ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
    settings.put(ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
    settings.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
    settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings)) {
      return new Timestamps(consumer, partition, from, to, most);
    }
  }

  /** Returns the offset of the first record that is of this instant or later, but not of later than {@code latest}; the end if there is none. */
  long placeOf(long instant, long latest) {
    for (int i = 0; i < size; i++) {
      if (times[i] >= instant && times[i] <= latest) {
        return offsets[i];
      }
    }
    return end;
  }

  boolean isEmpty() {
    return size == 0;
  }

  private void add(long offset, long time) {
    if (size == offsets.length) {
      offsets = Arrays.copyOf(offsets, 2 * size);
      times = Arrays.copyOf(times, 2 * size);
    }
    offsets[size] = offset;
    times[size++] = time;
  }
}
