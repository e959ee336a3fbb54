package frauddetection.mapping;

import java.io.IOException;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.io.BinaryDecoder;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.types.variant.VariantBuilder;
import org.apache.spark.unsafe.types.UTF8String;

/**
 * Makes the readers from a schema's parts into the texts at paths: what no path leads to is stepped over. A record, array or map at the
 * end of a path is JSON, and what paths want of its inside is read from that.
 */
final class AvroTexts {
  private final Map<Schema, AvroItem<UTF8String[]>> passedOver = new IdentityHashMap<>();
  private final AvroVariant variants = new AvroVariant();
  private final Paths paths;

  AvroTexts(Paths paths) {
    this.paths = paths;
  }

  AvroItem<UTF8String[]> of(Schema schema, Paths.Node node) {
    return switch (schema.getType()) {
      case UNION -> union(schema, node);
      case RECORD -> node.isAnEnd() ? json(schema, node) : record(schema, node);
      case ARRAY -> node.isAnEnd() ? json(schema, node) : array(schema.getElementType(), node);
      case MAP -> node.isAnEnd() ? json(schema, node) : map(schema.getValueType(), node);
      default -> node.isAnEnd() ? text(AvroScalar.of(schema), node) : over(schema);
    };
  }

  private static AvroItem<UTF8String[]> text(AvroScalar scalar, Paths.Node node) {
    int[] numbers = node.numbers().stream().mapToInt(Integer::intValue).toArray();
    return (in, out, depth) -> {
      UTF8String text = AvroScalar.text(scalar.read(in));
      for (int number : numbers) {
        out[number] = text;
      }
    };
  }

  private static AvroItem<UTF8String[]> over(Schema schema) {
    return switch (schema.getType()) {
      case STRING, BYTES -> (in, out, depth) -> in.skipFixed(AvroReader.length(in));
      case FIXED -> {
        int size = schema.getFixedSize();
        yield (in, out, depth) -> in.skipFixed(AvroReader.fitting(size, in));
      }
      case INT, LONG -> (in, out, depth) -> in.readLong();
      default -> {
        AvroScalar scalar = AvroScalar.of(schema);
        yield (in, out, depth) -> scalar.read(in);
      }
    };
  }

  private AvroItem<UTF8String[]> record(Schema schema, Paths.Node node) {
    AvroItem<UTF8String[]> known = node.isNowhere() ? passedOver.get(schema) : null;
    if (known != null) {
      return known;
    }
    List<AvroItem<UTF8String[]>> items = new ArrayList<>();
    AvroItem<UTF8String[]> made =
        (in, out, depth) -> {
          int below = AvroItem.deeper(depth);
          for (int i = 0; i < items.size(); i++) {
            items.get(i).read(in, out, below);
          }
        };
    if (node.isNowhere()) {
      passedOver.put(schema, made);
    }
    schema.getFields().forEach(field -> items.add(of(field.schema(), node.field(field.name()))));
    return made;
  }

  private AvroItem<UTF8String[]> union(Schema schema, Paths.Node node) {
    List<AvroItem<UTF8String[]>> branches = schema.getTypes().stream().map(branch -> of(branch, node)).toList();
    return (in, out, depth) -> branches.get(AvroItem.branch(in, branches.size())).read(in, out, AvroItem.deeper(depth));
  }

  private AvroItem<UTF8String[]> array(Schema schema, Paths.Node node) {
    AvroItem<UTF8String[]> others = of(schema, Paths.Node.NOWHERE);
    Map<Integer, AvroItem<UTF8String[]>> wanted = new HashMap<>();
    node.places().forEach((place, next) -> wanted.put(place, of(schema, next)));
    return (in, out, depth) -> {
      int below = AvroItem.deeper(depth);
      AvroReader.eachOf(in, place -> wanted.getOrDefault(place, others).read(in, out, below));
    };
  }

  private AvroItem<UTF8String[]> map(Schema schema, Paths.Node node) {
    AvroItem<UTF8String[]> others = of(schema, Paths.Node.NOWHERE);
    Map<String, AvroItem<UTF8String[]>> wanted = new HashMap<>();
    node.names().forEach((name, next) -> wanted.put(name, of(schema, next)));
    return (in, out, depth) -> {
      int below = AvroItem.deeper(depth);
      AvroReader.eachOf(in, place -> wanted.getOrDefault(AvroReader.string(in), others).read(in, out, below));
    };
  }

  private AvroItem<UTF8String[]> json(Schema schema, Paths.Node node) {
    AvroItem<VariantBuilder> item = variants.of(schema);
    return (in, out, depth) -> {
      VariantBuilder whole = new VariantBuilder(true);
      item.read(in, whole, depth);
      ArrayData inside = inside(whole.result().toJson(ZoneOffset.UTC), node);
      for (int number = 0; number < out.length; number++) {
        out[number] = inside.isNullAt(number) ? out[number] : inside.getUTF8String(number);
      }
    };
  }

  private ArrayData inside(String json, Paths.Node node) throws IOException {
    try {
      return JsonTexts.of(json, paths, node);
    } catch (Unreadable none) {
      throw new IOException(none); // as VARIANT writes it, it can be read
    }
  }
}
