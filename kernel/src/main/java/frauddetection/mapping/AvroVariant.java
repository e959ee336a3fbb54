package frauddetection.mapping;

import java.io.IOException;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.io.BinaryDecoder;
import org.apache.spark.types.variant.VariantBuilder;

/** Makes the readers from a schema's parts into a VARIANT, each once for a schema; a record may contain itself. */
final class AvroVariant {
  private final Map<Schema, AvroItem<VariantBuilder>> records = new IdentityHashMap<>();

  AvroItem<VariantBuilder> of(Schema schema) {
    return switch (schema.getType()) {
      case RECORD -> record(schema);
      case UNION -> union(schema);
      case ARRAY -> array(of(schema.getElementType()));
      case MAP -> map(of(schema.getValueType()));
      default -> {
        AvroScalar scalar = AvroScalar.of(schema);
        yield (in, out, depth) -> AvroScalar.append(scalar.read(in), out);
      }
    };
  }

  private AvroItem<VariantBuilder> record(Schema schema) {
    AvroItem<VariantBuilder> known = records.get(schema);
    if (known != null) {
      return known;
    }
    String[] names = schema.getFields().stream().map(Schema.Field::name).toArray(String[]::new);
    List<AvroItem<VariantBuilder>> items = new ArrayList<>();
    AvroItem<VariantBuilder> made =
        (in, out, depth) -> {
          int start = out.getWritePos();
          int below = AvroItem.deeper(depth);
          ArrayList<VariantBuilder.FieldEntry> fields = new ArrayList<>(names.length);
          for (int i = 0; i < names.length; i++) {
            fields.add(entry(names[i], out, start));
            items.get(i).read(in, out, below);
          }
          out.finishWritingObject(start, fields);
        };
    records.put(schema, made);
    schema.getFields().forEach(field -> items.add(of(field.schema())));
    return made;
  }

  private AvroItem<VariantBuilder> union(Schema schema) {
    List<AvroItem<VariantBuilder>> branches = schema.getTypes().stream().map(this::of).toList();
    return (in, out, depth) -> branches.get(AvroItem.branch(in, branches.size())).read(in, out, AvroItem.deeper(depth));
  }

  private static AvroItem<VariantBuilder> array(AvroItem<VariantBuilder> item) {
    return (in, out, depth) -> {
      int start = out.getWritePos();
      int below = AvroItem.deeper(depth);
      ArrayList<Integer> offsets = new ArrayList<>();
      AvroReader.eachOf(
          in,
          place -> {
            offsets.add(out.getWritePos() - start);
            item.read(in, out, below);
          });
      out.finishWritingArray(start, offsets);
    };
  }

  private static AvroItem<VariantBuilder> map(AvroItem<VariantBuilder> item) {
    return (in, out, depth) -> {
      int start = out.getWritePos();
      int below = AvroItem.deeper(depth);
      ArrayList<VariantBuilder.FieldEntry> fields = new ArrayList<>();
      AvroReader.eachOf(
          in,
          place -> {
            fields.add(entry(AvroReader.string(in), out, start));
            item.read(in, out, below);
          });
      out.finishWritingObject(start, fields);
    };
  }

  private static VariantBuilder.FieldEntry entry(String name, VariantBuilder out, int start) throws IOException {
    return new VariantBuilder.FieldEntry(name, out.addKey(name), out.getWritePos() - start);
  }
}
