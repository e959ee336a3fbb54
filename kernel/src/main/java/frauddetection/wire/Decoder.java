package frauddetection.wire;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import frauddetection.catalyst.Calls;
import java.io.IOException;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.util.GenericArrayData;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;

/**
 * Kafka records to events: each is read in one pass, and either has all that its kind wants or is rejected with every reason. No input
 * makes it throw. The forms are the contract's: spark_jobs/transforms/decode.py makes the {@link DecodePlan} of the record classes.
 */
public final class Decoder implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final String REJECTED = "rejected";
  private static final Pattern BLANK = Pattern.compile("\\s*");

  /** The limit of size is the plan's; a number of a million digits is JSON too, and its field says what is wrong with it. */
  private static final JsonFactory JSON =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNumberLength(Integer.MAX_VALUE)
                  .maxStringLength(Integer.MAX_VALUE)
                  .maxNameLength(Integer.MAX_VALUE)
                  .build())
          .build();

  private final int maxBytes;
  private final Map<String, Kind> kinds;

  private Decoder(DecodePlan plan) {
    maxBytes = plan.maxBytes();
    kinds = new LinkedHashMap<>();
    plan.kinds().forEach(kind -> kinds.put(kind.name(), new Kind(kind, plan, 1 + kinds.size())));
  }

  /**
   * Returns a struct column: {@code kind}, rejected where there are {@code reasons}; one struct a kind, null for all others; {@code
   * reasons}, null where there are none.
   *
   * @param kind name of the kind that the record should be
   * @param time when it arrived, a timestamp
   * @param value its bytes, or null
   * @param plan JSON, see {@link DecodePlan}
   */
  public static Column apply(Column kind, Column time, Column value, String plan) {
    DecodePlan parsed = DecodePlan.parse(plan);
    StructType type = new StructType().add("kind", DataTypes.StringType);
    for (DecodePlan.Kind one : parsed.kinds()) {
      type = type.add(one.name(), one.type());
    }
    type = type.add("reasons", DataTypes.createArrayType(DataTypes.StringType));
    return Calls.column(new Decoder(parsed), "read", type, List.of(kind, time, value));
  }

  /** Called by the code that Spark generates. */
  public InternalRow read(UTF8String kindName, long time, byte[] value) {
    Kind kind = kinds.get(kindName.toString());
    Object[] columns = new Object[kinds.size() + 2];
    List<String> reasons = new ArrayList<>();
    String unreadable = unreadable(value);
    if (unreadable != null) {
      reasons.add(unreadable);
    } else {
      columns[kind.place()] = readObject(kind, new String(value, StandardCharsets.UTF_8), time, reasons);
    }
    if (reasons.isEmpty()) {
      columns[0] = kindName;
    } else {
      columns[0] = UTF8String.fromString(REJECTED);
      columns[kind.place()] = null;
      columns[columns.length - 1] = new GenericArrayData(reasons.stream().map(UTF8String::fromString).toArray());
    }
    return new GenericInternalRow(columns);
  }

  private String unreadable(byte[] value) {
    if (value == null) {
      return "tombstone";
    }
    if (value.length > maxBytes) {
      return "too_large";
    }
    return UTF8String.fromBytes(value).isValid() ? null : "invalid_utf8";
  }

  private static InternalRow readObject(Kind kind, String text, long time, List<String> reasons) {
    // From text: of bytes Jackson would guess the encoding.
    try (JsonParser parser = JSON.createParser(text)) {
      if (parser.nextToken() == JsonToken.START_OBJECT) {
        List<String> found = new ArrayList<>();
        InternalRow row = kind.read(parser, time, found);
        if (parser.nextToken() == null) {
          reasons.addAll(found);
          return row;
        }
      }
    } catch (IOException notJson) {
      // Said below; the parser's own words may quote the value.
    }
    reasons.add(BLANK.matcher(text).matches() ? "empty" : "not_a_json_object");
    return null;
  }
}
