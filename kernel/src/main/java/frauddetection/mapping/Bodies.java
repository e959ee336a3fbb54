package frauddetection.mapping;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import frauddetection.catalyst.Calls;
import java.io.IOException;
import java.io.Serializable;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.catalyst.util.GenericArrayData;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.types.variant.Variant;
import org.apache.spark.types.variant.VariantBuilder;
import org.apache.spark.types.variant.VariantUtil;
import org.apache.spark.unsafe.types.UTF8String;
import org.apache.spark.unsafe.types.VariantVal;

/**
 * The values of Kafka records as VARIANT, read from JSON or Avro, each once; where one cannot be read, why. No input makes it throw.
 * spark_jobs/transforms/mapping.py makes the {@link BodyPlan} of the settings.
 */
public final class Bodies implements Serializable {
  private static final long serialVersionUID = 1L;

  /** Magic byte and id of the schema, as Confluent's serializers write them. */
  private static final int FRAME = 5;

  private static final char BYTE_ORDER_MARK = '\uFEFF';

  private static final StructType BODY =
      new StructType()
          .add("body", DataTypes.VariantType)
          .add("unreadable", DataTypes.StringType)
          .add("element", DataTypes.IntegerType)
          .add("json", DataTypes.BinaryType);

  private static final JsonFactory JSON =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder().maxNumberLength(Integer.MAX_VALUE).maxStringLength(Integer.MAX_VALUE).build())
          .build();

  private final int maxBytes;
  private final Registry.Address registry;
  private final Map<String, Topic> topics = new HashMap<>();

  private Bodies(BodyPlan plan) {
    maxBytes = plan.maxBytes();
    registry = plan.registry();
    plan.topics().forEach((name, topic) -> topics.put(name, new Topic(topic)));
  }

  /**
   * Returns a struct column: {@code body}, {@code unreadable}, the reason code where there is no body though there is a value;
   * {@code element} and {@code json} are null. Nothing is computed twice: a lookup in the registry may end otherwise the next time.
   *
   * @param topic name of the record's topic
   * @param value its bytes, or null
   * @param plan JSON, see {@link BodyPlan}
   */
  public static Column column(Column topic, Column value, String plan) {
    return Calls.nondeterministic(new Bodies(BodyPlan.parse(plan)), "one", BODY, List.of(topic, value));
  }

  /**
   * Returns a column of arrays of such structs, one for each element of the array that the plan names for the topic, with its place in
   * the array as {@code element} and its text as {@code json}; a single one for a topic without.
   */
  public static Column columnOfEach(Column topic, Column value, String plan) {
    return Calls.nondeterministic(
        new Bodies(BodyPlan.parse(plan)), "each", DataTypes.createArrayType(BODY), List.of(topic, value));
  }

  /** Called by the code that Spark generates. */
  public InternalRow one(UTF8String topicName, byte[] value) {
    Topic topic = value == null ? null : topics.get(topicName.toString());
    if (topic == null) {
      return row(null, null, null, null);
    }
    try {
      return row(read(topic, value), null, null, null);
    } catch (Unreadable unreadable) {
      return row(null, unreadable.getMessage(), null, null);
    }
  }

  /** Called by the code that Spark generates. */
  public ArrayData each(UTF8String topicName, byte[] value) {
    Topic topic = value == null ? null : topics.get(topicName.toString());
    if (topic == null || topic.each == null) {
      return new GenericArrayData(new Object[] {one(topicName, value)});
    }
    try {
      Variant array = topic.each.in(read(topic, value));
      if (array == null || array.getType() != VariantUtil.Type.ARRAY) {
        throw new Unreadable("not_an_array");
      }
      Object[] rows = new Object[array.arraySize()];
      for (int i = 0; i < rows.length; i++) {
        Variant element = alone(array.getElementAtIndex(i));
        rows[i] = row(element, null, i, element.toJson(ZoneOffset.UTC).getBytes(StandardCharsets.UTF_8));
      }
      return new GenericArrayData(rows);
    } catch (Unreadable unreadable) {
      return new GenericArrayData(new Object[] {row(null, unreadable.getMessage(), null, null)});
    }
  }

  private static InternalRow row(Variant body, String unreadable, Integer element, byte[] json) {
    VariantVal value = body == null ? null : new VariantVal(body.getValue(), body.getMetadata());
    return new GenericInternalRow(new Object[] {value, UTF8String.fromString(unreadable), element, json});
  }

  private Variant read(Topic topic, byte[] value) throws Unreadable {
    if (value.length > maxBytes) {
      throw new Unreadable("too_large");
    }
    boolean framed = value.length > FRAME && value[0] == 0;
    if (!topic.avro) {
      return json(framed ? FRAME : 0, value);
    }
    if (topic.read != null) {
      return topic.read.variant(value, 0);
    }
    if (!framed) {
      throw new Unreadable("no_schema_registry_frame");
    }
    return Registry.at(registry).schema(ByteBuffer.wrap(value).getInt(1)).variant(value, FRAME);
  }

  private static Variant json(int start, byte[] value) throws Unreadable {
    if (!UTF8String.fromBytes(value, start, value.length - start).isValid()) {
      throw new Unreadable("invalid_utf8");
    }
    String text = new String(value, start, value.length - start, StandardCharsets.UTF_8);
    if (!text.isEmpty() && text.charAt(0) == BYTE_ORDER_MARK) {
      text = text.substring(1);
    }
    // From text: of bytes Jackson would guess the encoding.
    try (JsonParser parser = JSON.createParser(text)) {
      JsonToken first = parser.nextToken();
      if (first == null) {
        throw new Unreadable("empty");
      }
      if (first.isStructStart()) {
        Variant found = VariantBuilder.parseJson(parser, false);
        if (parser.nextToken() == null) {
          return found;
        }
      }
    } catch (IOException | RuntimeException notJson) {
      // Said below; the parser's own words may quote the value.
    }
    throw new Unreadable("not_a_json_object");
  }

  /** Returns the same value without what stands around it in its array. */
  private static Variant alone(Variant element) {
    VariantBuilder builder = new VariantBuilder(false);
    builder.appendVariant(element);
    return builder.result();
  }

  /** How the values of one topic are read. */
  private static final class Topic implements Serializable {
    private static final long serialVersionUID = 1L;

    private final boolean avro;
    private final AvroReader read;
    private final Path each;

    Topic(BodyPlan.Topic plan) {
      avro = plan.avro();
      read = plan.schema() == null ? null : AvroReader.of(new Schema.Parser().parse(plan.schema()));
      each = plan.each() == null ? null : Path.parse(plan.each());
    }
  }
}
