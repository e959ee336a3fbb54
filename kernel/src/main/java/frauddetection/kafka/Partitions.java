package frauddetection.kafka;

import com.fasterxml.jackson.core.type.TypeReference;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.TopicPartition;
import org.apache.spark.sql.connector.read.InputPartition;
import org.apache.spark.sql.kafka010.KafkaBatchInputPartition;
import org.apache.spark.sql.kafka010.KafkaOffsetRange;

/** What Spark plans to read of each partition, so that each record can be read: with {@link PlausibleTimes}, and without what is stepped over. */
final class Partitions {
  private static final TypeReference<Map<String, Map<Integer, List<List<Long>>>>> RANGES = new TypeReference<>() {};

  /** By partition, ranges of offsets that are not read: the first of each, and the one behind its last, in rising order. */
  private final Map<TopicPartition, List<List<Long>>> skipped;

  /** {@code skipped} is JSON, {topic: {partition: [[first, behind the last], …]}}, or null. */
  Partitions(String skipped) {
    this.skipped = skipped == null ? Map.of() : Places.of(skipped, RANGES);
  }

  /** Returns what is to be read in place of what a batch would read. */
  InputPartition[] ofBatch(InputPartition[] planned) {
    List<InputPartition> readable = new ArrayList<>();
    for (InputPartition one : planned) {
      KafkaBatchInputPartition kafka = (KafkaBatchInputPartition) one;
      KafkaOffsetRange range = kafka.offsetRange();
      List<List<Long>> gaps = skipped.getOrDefault(range.topicPartition(), List.of());
      if (gaps.isEmpty()) { // its end may be left open, until it is read
        readable.add(part(kafka, range.fromOffset(), range.untilOffset()));
        continue;
      }
      long from = range.fromOffset();
      for (List<Long> gap : gaps) {
        if (gap.get(1) <= from || gap.get(0) >= range.untilOffset()) {
          continue;
        }
        if (from < gap.get(0)) {
          readable.add(part(kafka, from, gap.get(0)));
        }
        from = gap.get(1);
      }
      if (from < range.untilOffset()) {
        readable.add(part(kafka, from, range.untilOffset()));
      }
    }
    return readable.toArray(InputPartition[]::new);
  }

  /** Returns what is to be read in place of partitions without an end; each stays one, as each has its task. */
  InputPartition[] withoutEnd(InputPartition[] planned) {
    InputPartition[] readable = new InputPartition[planned.length];
    for (int i = 0; i < planned.length; i++) {
      KafkaBatchInputPartition kafka = (KafkaBatchInputPartition) planned[i];
      long from = kafka.offsetRange().fromOffset();
      for (List<Long> gap : skipped.getOrDefault(kafka.offsetRange().topicPartition(), List.of())) {
        from = gap.get(0) <= from && from < gap.get(1) ? gap.get(1) : from;
      }
      readable[i] = part(kafka, from, kafka.offsetRange().untilOffset());
    }
    return readable;
  }

  private static InputPartition part(KafkaBatchInputPartition of, long from, long until) {
    Map<String, Object> settings = new HashMap<>(of.executorKafkaParams());
    settings.put(ConsumerConfig.INTERCEPTOR_CLASSES_CONFIG, PlausibleTimes.class.getName());
    KafkaOffsetRange range = of.offsetRange();
    return new KafkaBatchInputPartition(
        new KafkaOffsetRange(range.topicPartition(), from, until, range.preferredLoc()),
        settings,
        of.pollTimeoutMs(),
        of.failOnDataLoss(),
        of.includeHeaders());
  }
}
