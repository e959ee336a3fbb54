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
 * @param decimals of the amounts of a currency, by its code
 * @param token a card number where a token belongs, a pattern for a whole text, or null where such texts pass
 * @param cardNumber a card number in any other identifier, likewise
 * @param maxBytes of a value
 * @param unknownFields whether a record may have fields that the contract does not know
 */
record DecodePlan(
    List<Kind> kinds,
    Map<String, String> patterns,
    Map<String, Integer> decimals,
    String token,
    String cardNumber,
    int maxBytes,
    boolean unknownFields) {

  /**
   * One kind of record.
   *
   * @param name as the contract has it
   * @param schema Spark's, as JSON
   * @param fields in the order of the schema
   * @param times that must not be far from the time of arrival
   * @param deletes whether a record without a value deletes what its key names
   */
  record Kind(String name, String schema, List<Field> fields, List<Time> times, boolean deletes) {

    StructType type() {
      return (StructType) DataType.fromJson(schema);
    }
  }

  /**
   * One field.
   *
   * @param name as the contract has it
   * @param required whether there is no record without it
   * @param strict whether there is no record where it cannot be read
   * @param allowed the only texts that it may have, or null
   * @param limit identifier, token, degrees, currency or amount, as contract/fields.py has them, or null
   * @param most degrees
   * @param currency name of the field that says in which currency an amount is
   */
  record Field(
      String name, boolean required, boolean strict, List<String> allowed, String limit, double most, String currency) {}

  /**
   * Limits of a time.
   *
   * @param field its name
   * @param maxFuture how much later than the reader's clock it may be, microseconds
   * @param maxAge how much earlier than Kafka's timestamp it may be, microseconds; it may then be no later than that plus maxFuture either.
   *     Null: Kafka's timestamp does not count
   */
  record Time(String field, long maxFuture, Long maxAge) {}

  static DecodePlan parse(String json) {
    try {
      return new ObjectMapper().readValue(json, DecodePlan.class);
    } catch (JsonProcessingException error) {
      throw new IllegalArgumentException("not a plan of the decoder: " + error.getOriginalMessage(), error);
    }
  }
}
