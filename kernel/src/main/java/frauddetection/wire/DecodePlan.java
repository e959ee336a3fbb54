package frauddetection.wire;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructType;

/**
 * What the contract says of the wire form.
 *
 * @param kinds in the order of their columns
 * @param patterns the accepted texts by the name of Spark's type in a schema's JSON, whole-string matches; other types are strings and booleans
 * @param maxBytes of a value
 */
record DecodePlan(List<Kind> kinds, Map<String, String> patterns, int maxBytes) {

  /**
   * One kind of record.
   *
   * @param name as the contract has it
   * @param schema Spark's, as JSON
   * @param required names of the fields without which there is no record
   * @param allowed by name of the field the only texts that it may have
   * @param time name of the field that must not be far from the time of arrival, or null
   * @param maxFuture how much later it may be, microseconds
   * @param maxAge how much earlier it may be, microseconds
   */
  record Kind(
      String name, String schema, List<String> required, Map<String, List<String>> allowed, String time, long maxFuture, long maxAge) {

    StructType type() {
      return (StructType) DataType.fromJson(schema);
    }
  }

  static DecodePlan parse(String json) {
    try {
      return new ObjectMapper().readValue(json, DecodePlan.class);
    } catch (JsonProcessingException error) {
      throw new IllegalArgumentException("not a plan of the decoder: " + error.getOriginalMessage(), error);
    }
  }
}
