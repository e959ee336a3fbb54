package frauddetection.kafka;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.TopicPartition;
import org.apache.spark.sql.connector.read.streaming.Offset;

/** Places in partitions, as Spark's Kafka source writes them: {topic: {partition: offset}}. */
final class Places {
  private static final ObjectMapper JSON = new ObjectMapper();

  private Places() {}

  static Map<TopicPartition, Long> of(Offset offset) {
    return of(offset.json(), new TypeReference<Map<String, Map<Integer, Long>>>() {});
  }

  /** Returns what JSON of the same form holds of each partition. */
  static <T> Map<TopicPartition, T> of(String json, TypeReference<Map<String, Map<Integer, T>>> form) {
    Map<TopicPartition, T> places = new HashMap<>();
    try {
      JSON.readValue(json, form)
          .forEach((topic, ofOne) -> ofOne.forEach((number, one) -> places.put(new TopicPartition(topic, number), one)));
    } catch (JsonProcessingException impossible) {
      throw new IllegalStateException(impossible);
    }
    return places;
  }

  static String json(Map<TopicPartition, Long> places) {
    Map<String, Map<Integer, Long>> byTopic = new HashMap<>();
    places.forEach((one, place) -> byTopic.computeIfAbsent(one.topic(), any -> new HashMap<>()).put(one.partition(), place));
    try {
      return JSON.writeValueAsString(byTopic);
    } catch (JsonProcessingException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  /** Returns how many records lie between, at most: Kafka's places have gaps. */
  static long count(Map<TopicPartition, Long> from, Map<TopicPartition, Long> to) {
    return to.entrySet().stream().mapToLong(one -> Math.max(0, one.getValue() - from.getOrDefault(one.getKey(), 0L))).sum();
  }
}
