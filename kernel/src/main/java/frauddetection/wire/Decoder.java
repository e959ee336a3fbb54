package frauddetection.wire;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import frauddetection.catalyst.Calls;
import frauddetection.kafka.PlausibleTimes;
import java.io.IOException;
import java.io.Serializable;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.util.ArrayData;
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
  private final int maxBytes;
  private final Map<UTF8String, Kind> kinds;

  private Decoder(DecodePlan plan) {
    maxBytes = plan.maxBytes();
    kinds = new LinkedHashMap<>();
    plan.kinds().forEach(kind -> kinds.put(UTF8String.fromString(kind.name()), new Kind(kind, plan, 1 + kinds.size())));
  }

  /**
   * Returns a struct column: {@code kind}, rejected where there are {@code reasons}; one struct a kind, null for all others; {@code
   * reasons}, null where there are none; {@code notes}, names of optional fields that could not be read, null where there are none; {@code
   * unknown}, how many fields the contract does not know; {@code deleted}, the key of a record without a value that deletes something.
   *
   * @param kind name of the kind that the record should be
   * @param time when it arrived, a timestamp
   * @param readBy the reader's clock, a timestamp
   * @param key its bytes, or null
   * @param value its bytes, or null
   * @param mapped the texts of a foreign record's fields, an array in the order of its kind's; null where the value is to be read
   * @param unreadable why there is no foreign record, a reason code, or null
   * @param plan JSON, see {@link DecodePlan}
   */
  public static Column apply(
      Column kind, Column time, Column readBy, Column key, Column value, Column mapped, Column unreadable, String plan) {
    DecodePlan parsed = DecodePlan.parse(plan);
    StructType type = new StructType().add("kind", DataTypes.StringType);
    for (DecodePlan.Kind one : parsed.kinds()) {
      type = type.add(one.name(), one.type());
    }
    type =
        type.add("reasons", DataTypes.createArrayType(DataTypes.StringType))
            .add("notes", DataTypes.createArrayType(DataTypes.StringType))
            .add("unknown", DataTypes.IntegerType)
            .add("deleted", DataTypes.StringType);
    return Calls.column(new Decoder(parsed), "read", type, List.of(kind, time, readBy, key, value, mapped, unreadable));
  }

  /** Called by the code that Spark generates. */
  public InternalRow read(
      UTF8String kindName, long time, long readBy, byte[] key, byte[] value, ArrayData mapped, UTF8String unreadable) {
    Kind kind = kinds.get(kindName);
    Object[] columns = new Object[1 + kinds.size() + 4];
    Found found = new Found();
    boolean isPlausible = PlausibleTimes.isPlausible(time);
    UTF8String deleted = isPlausible && value == null && kind.deletes() ? key(key) : null;
    if (!isPlausible) {
      found.reason("invalid_timestamp");
    } else if (unreadable != null) {
      found.reason(unreadable.toString());
    } else if (mapped != null) {
      columns[kind.place()] = kind.judge(Texts.of(mapped), time, readBy, found);
    } else if (deleted == null) {
      columns[kind.place()] = readValue(kind, value, time, readBy, found);
    }
    columns[0] = kindName;
    int more = kinds.size();
    if (found.isRefused()) {
      columns[0] = UTF8String.fromString(REJECTED);
      columns[kind.place()] = null;
      columns[more + 1] = found.reasons();
    } else {
      columns[more + 2] = found.notes();
    }
    columns[more + 3] = found.unknown;
    columns[more + 4] = deleted;
    return new GenericInternalRow(columns);
  }

  /** Returns the text of a key, null where it names nothing. */
  private static UTF8String key(byte[] key) {
    UTF8String text = key == null ? null : UTF8String.fromBytes(key);
    return text != null && text.isValid() && Identifiers.accepts(text.toString()) ? text : null;
  }

  private String unreadable(byte[] value) {
    if (value == null) {
      return "tombstone";
    }
    if (value.length > maxBytes) {
      return "too_large";
    }
    return Wrapping.of(value);
  }

  private InternalRow readValue(Kind kind, byte[] value, long time, long readBy, Found found) {
    String unreadable = unreadable(value);
    String text = unreadable == null ? Json.text(value, 0) : null;
    if (text != null) {
      return readObject(kind, text, time, readBy, found);
    }
    found.reason(unreadable == null ? "invalid_utf8" : unreadable);
    return null;
  }

  private static InternalRow readObject(Kind kind, String text, long time, long readBy, Found found) {
    try (JsonParser parser = Json.parser(text)) {
      if (parser.nextToken() == JsonToken.START_OBJECT) {
        Found inside = new Found();
        InternalRow row = kind.read(parser, time, readBy, inside);
        if (parser.nextToken() == null) {
          found.take(inside);
          return row;
        }
      }
    } catch (IOException notJson) {
      // Said below; the parser's own words may quote the value.
    }
    found.reason(Json.refusal(text));
    return null;
  }
}
