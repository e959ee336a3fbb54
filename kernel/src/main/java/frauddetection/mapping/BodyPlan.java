package frauddetection.mapping;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Map;

/**
 * What the settings say of the values of records.
 *
 * @param maxBytes of a value
 * @param topics how the values of a topic are read; those of other topics are left alone
 * @param registry where the writers' schemas are, or null
 */
record BodyPlan(int maxBytes, Map<String, Topic> topics, Registry.Address registry) {

  /**
   * One topic.
   *
   * @param avro whether values are Avro and not JSON
   * @param schema of all values, Avro's JSON, where they are not framed by a registry; else null
   * @param each path to the array whose elements are the records, or null
   */
  record Topic(boolean avro, String schema, String each) {}

  static BodyPlan parse(String json) {
    try {
      return new ObjectMapper().readValue(json, BodyPlan.class);
    } catch (JsonProcessingException error) {
      throw new IllegalArgumentException("not a plan of bodies: " + error.getOriginalMessage(), error);
    }
  }
}
