package frauddetection.mapping;

import frauddetection.mapping.AvroReader.Item;
import java.io.IOException;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import org.apache.avro.AvroRuntimeException;
import org.apache.avro.Schema;
import org.apache.avro.io.BinaryDecoder;
import org.apache.spark.types.variant.VariantBuilder;

/** Makes the readers of a schema's parts, once for a schema; a record may contain itself. */
final class AvroItems {
  private final Map<Schema, Item> records = new IdentityHashMap<>();

  Item of(Schema schema) {
    return switch (schema.getType()) {
      case RECORD -> record(schema);
      case UNION -> union(schema);
      case ARRAY -> new AvroReader.Repeated(of(schema.getElementType()), false);
      case MAP -> new AvroReader.Repeated(of(schema.getValueType()), true);
      default -> AvroScalars.of(schema);
    };
  }

  private Item record(Schema schema) {
    Item known = records.get(schema);
    if (known != null) {
      return known;
    }
    int size = schema.getFields().size();
    String[] names = new String[size];
    Item[] items = new Item[size];
    Item made = new Item() {
      @Override
      public void read(BinaryDecoder in, VariantBuilder out, int depth) throws IOException {
        int start = out.getWritePos();
        int below = AvroReader.deeper(depth);
        ArrayList<VariantBuilder.FieldEntry> fields = new ArrayList<>(size);
        for (int i = 0; i < size; i++) {
          fields.add(new VariantBuilder.FieldEntry(names[i], out.addKey(names[i]), out.getWritePos() - start));
          items[i].read(in, out, below);
        }
        out.finishWritingObject(start, fields);
      }
    };
    records.put(schema, made);
    for (int i = 0; i < size; i++) {
      names[i] = schema.getFields().get(i).name();
      items[i] = of(schema.getFields().get(i).schema());
    }
    return made;
  }

  private Item union(Schema schema) {
    List<Item> branches = schema.getTypes().stream().map(this::of).toList();
    return (in, out, depth) -> {
      int branch = in.readIndex();
      if (branch < 0 || branch >= branches.size()) {
        throw new AvroRuntimeException("no such branch");
      }
      branches.get(branch).read(in, out, AvroReader.deeper(depth));
    };
  }
}
