package frauddetection.mapping;

import com.fasterxml.jackson.core.JsonParser;
import frauddetection.catalyst.Calls;
import frauddetection.wire.Json;
import frauddetection.wire.Wrapping;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.Serializable;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
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
import org.apache.spark.unsafe.types.UTF8String;
import org.apache.spark.unsafe.types.VariantVal;

/**
 * The values of Kafka records, JSON or Avro, as what is wanted of them: texts at paths, and all as VARIANT; where one cannot be read,
 * why. No input makes it throw. spark_jobs/transforms/mapping.py makes the {@link BodyPlan} of the settings.
 */
public final class Bodies implements Serializable {
  private static final long serialVersionUID = 1L;

  /** Magic byte and id of the schema, as Confluent's serializers write them. */
  private static final int FRAME = 5;

  private static final StructType BODY =
      new StructType()
          .add("texts", DataTypes.createArrayType(DataTypes.StringType))
          .add("body", DataTypes.VariantType)
          .add("unreadable", DataTypes.StringType)
          .add("element", DataTypes.IntegerType)
          .add("json", DataTypes.BinaryType);

  private static final InternalRow NOTHING = row(null, null, null, null, null);

  private final int maxBytes;
  private final Paths paths;
  private final boolean isBodyWanted;
  private final Map<UTF8String, Topic> topics = new HashMap<>();

  private Bodies(BodyPlan plan, Wanted wanted) {
    maxBytes = plan.maxBytes();
    paths = wanted.paths();
    isBodyWanted = wanted.isBodyWanted();
    plan.topics().forEach((name, topic) -> topics.put(UTF8String.fromString(name), new Topic(topic, paths, plan.registry())));
  }

  /**
   * Returns a struct column: {@code texts} at the wanted paths; {@code body}, if it is wanted; {@code unreadable}, the reason code where
   * there are no texts though there is a value; {@code element} and {@code json} are null. Nothing is computed twice: a lookup in the
   * registry may end otherwise the next time.
   *
   * @param topic name of the record's topic
   * @param value its bytes, or null
   * @param plan JSON, see {@link BodyPlan}
   * @param wanted of the values
   */
  public static Column column(Column topic, Column value, String plan, Wanted wanted) {
    return Calls.nondeterministic(new Bodies(BodyPlan.parse(plan), wanted), "one", BODY, List.of(topic, value));
  }

  /**
   * Returns a column of arrays of such structs, one for each element of the array that the plan names for the topic, with its place in
   * the array as {@code element} and its text as {@code json}; a single one for a topic without.
   */
  public static Column columnOfEach(Column topic, Column value, String plan, Wanted wanted) {
    return Calls.nondeterministic(
        new Bodies(BodyPlan.parse(plan), wanted), "each", DataTypes.createArrayType(BODY), List.of(topic, value));
  }

  /** Called by the code that Spark generates. */
  public InternalRow one(UTF8String topicName, byte[] value) {
    Topic topic = value == null ? null : topics.get(topicName);
    if (topic == null) {
      return NOTHING;
    }
    try {
      return topic.avro ? ofAvro(topic, small(value)) : ofJson(text(small(value)), null, null);
    } catch (Unreadable unreadable) {
      return unreadable(unreadable, value, topic, null, null);
    }
  }

  /** Called by the code that Spark generates. */
  public ArrayData each(UTF8String topicName, byte[] value) {
    Topic topic = value == null ? null : topics.get(topicName);
    if (topic == null || topic.each == null) {
      return new GenericArrayData(new Object[] {one(topicName, value)});
    }
    try {
      small(value);
      String whole = topic.avro ? topic.reader(value).variant(value, topic.start()).toJson(ZoneOffset.UTC) : text(value);
      List<String> elements = JsonTexts.elements(whole, topic.each);
      Object[] rows = new Object[elements.size()];
      for (int i = 0; i < rows.length; i++) {
        rows[i] = element(elements.get(i), i, topic);
      }
      return new GenericArrayData(rows);
    } catch (Unreadable unreadable) {
      return new GenericArrayData(new Object[] {unreadable(unreadable, value, topic, null, null)});
    }
  }

  private InternalRow element(String element, int place, Topic topic) {
    byte[] json = element.getBytes(StandardCharsets.UTF_8);
    try {
      return ofJson(element, place, json);
    } catch (Unreadable unreadable) {
      return unreadable(unreadable, json, topic, place, json);
    }
  }

  private byte[] small(byte[] value) throws Unreadable {
    if (value.length > maxBytes) {
      throw new Unreadable("too_large");
    }
    return value;
  }

  private static String text(byte[] value) throws Unreadable {
    String text = Json.text(value, value.length > FRAME && value[0] == 0 ? FRAME : 0);
    if (text == null) {
      throw new Unreadable("invalid_utf8");
    }
    return text;
  }

  private InternalRow ofJson(String text, Integer place, byte[] json) throws Unreadable {
    ArrayData texts = JsonTexts.of(text, paths, paths.root());
    return row(texts, isBodyWanted ? variant(text) : null, null, place, json);
  }

  private InternalRow ofAvro(Topic topic, byte[] value) throws Unreadable {
    AvroReader reader = topic.reader(value);
    ArrayData texts = reader.texts(value, topic.start());
    return row(texts, isBodyWanted ? reader.variant(value, topic.start()) : null, null, null, null);
  }

  private static Variant variant(String json) throws Unreadable {
    try (JsonParser parser = Json.parser(json)) {
      parser.nextToken();
      return VariantBuilder.parseJson(parser, true);
    } catch (IOException | RuntimeException noVariant) {
      throw new Unreadable("not_a_json_object"); // a VARIANT has neither NaN nor half a surrogate pair
    }
  }

  /** Returns the row of a value that is none of what the topic has: what it looks like says more than that it is not that. */
  private static InternalRow unreadable(Unreadable why, byte[] value, Topic topic, Integer place, byte[] json) {
    String looksLike = topic.avro || !why.isOfForm() ? null : Wrapping.of(value);
    return row(null, null, looksLike == null ? why.getMessage() : looksLike, place, json);
  }

  private static InternalRow row(ArrayData texts, Variant body, String unreadable, Integer element, byte[] json) {
    VariantVal value = body == null ? null : new VariantVal(body.getValue(), body.getMetadata());
    return new GenericInternalRow(new Object[] {texts, value, UTF8String.fromString(unreadable), element, json});
  }

  /** How the values of one topic are read. */
  private static final class Topic implements Serializable {
    private static final long serialVersionUID = 1L;
    private static final int NO_ID = -1;

    private final boolean avro;
    private final Path each;
    private final String schema;
    private final Paths paths;
    private final Registry.Address registry;
    private transient Map<Integer, AvroReader> readers = new ConcurrentHashMap<>();

    Topic(BodyPlan.Topic plan, Paths paths, Registry.Address registry) {
      avro = plan.avro();
      each = plan.each() == null ? null : Path.parse(plan.each());
      schema = plan.schema();
      this.paths = paths;
      this.registry = registry;
      if (schema != null) {
        new Schema.Parser().parse(schema); // a mistake in it is told at start
      }
    }

    private void readObject(ObjectInputStream in) throws IOException, ClassNotFoundException {
      in.defaultReadObject();
      readers = new ConcurrentHashMap<>();
    }

    /** Returns where Avro begins in a value. */
    int start() {
      return schema == null ? FRAME : 0;
    }

    AvroReader reader(byte[] value) throws Unreadable {
      int id = schema == null ? id(value) : NO_ID;
      AvroReader known = readers.get(id);
      if (known == null) {
        known = new AvroReader(schema == null ? Registry.at(registry).schema(id) : new Schema.Parser().parse(schema), paths);
        readers.put(id, known);
      }
      return known;
    }

    private static int id(byte[] value) throws Unreadable {
      if (value.length <= FRAME || value[0] != 0) {
        throw new Unreadable("no_schema_registry_frame");
      }
      return ByteBuffer.wrap(value).getInt(1);
    }
  }
}
