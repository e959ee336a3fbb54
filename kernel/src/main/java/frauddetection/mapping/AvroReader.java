package frauddetection.mapping;

import java.io.EOFException;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.Serializable;
import java.util.ArrayList;
import org.apache.avro.AvroRuntimeException;
import org.apache.avro.Schema;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.spark.types.variant.Variant;
import org.apache.spark.types.variant.VariantBuilder;

/**
 * Reads Avro as its writer wrote it, straight into a VARIANT: no schema of ours need fit the writer's, which may differ by record. Values
 * of a logical type are what the contract wants to see: {@link AvroScalars}. Lengths and depth are judged before anything is made for
 * them, so that no value can take more memory than a few times its own size.
 */
final class AvroReader implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final int MAX_DEPTH = 100;

  private final String schema;
  private transient Item root;

  /** Reads one item and appends it. */
  @FunctionalInterface
  interface Item {
    void read(BinaryDecoder in, VariantBuilder out, int depth) throws IOException;
  }

  private AvroReader(Schema schema) {
    this.schema = schema.toString();
    this.root = new AvroItems().of(schema);
  }

  static AvroReader of(Schema schema) {
    return new AvroReader(schema);
  }

  private void readObject(ObjectInputStream in) throws IOException, ClassNotFoundException {
    in.defaultReadObject();
    root = new AvroItems().of(new Schema.Parser().setValidateDefaults(false).parse(schema));
  }

  /**
   * Returns what the bytes hold from {@code start} on.
   *
   * @throws Unreadable they are not Avro of this schema, or something follows
   */
  Variant variant(byte[] bytes, int start) throws Unreadable {
    try {
      BinaryDecoder in = DecoderFactory.get().binaryDecoder(bytes, start, bytes.length - start, null);
      VariantBuilder out = new VariantBuilder(false);
      root.read(in, out, 0);
      if (in.isEnd()) {
        return out.result();
      }
    } catch (IOException | RuntimeException notAvro) {
      // Said below; Avro's own words may quote the value.
    }
    throw new Unreadable("not_avro");
  }

  /** Returns the length that stands next, which the rest of the value is long enough for. */
  static int length(BinaryDecoder in) throws IOException {
    return fitting(in.readLong(), in);
  }

  private static int fitting(long count, BinaryDecoder in) throws IOException {
    if (count < 0 || count > in.inputStream().available()) {
      throw new EOFException();
    }
    return (int) count;
  }

  static byte[] bytes(BinaryDecoder in, int length) throws IOException {
    byte[] bytes = new byte[fitting(length, in)];
    in.readFixed(bytes);
    return bytes;
  }

  static int deeper(int depth) {
    if (depth >= MAX_DEPTH) {
      throw new AvroRuntimeException("too deep");
    }
    return depth + 1;
  }

  /** Reads arrays and, with names before the items, maps. */
  record Repeated(Item item, boolean named) implements Item {
    @Override
    public void read(BinaryDecoder in, VariantBuilder out, int depth) throws IOException {
      int start = out.getWritePos();
      int below = deeper(depth);
      ArrayList<VariantBuilder.FieldEntry> fields = new ArrayList<>();
      ArrayList<Integer> offsets = new ArrayList<>();
      // No item of a sensible schema takes no byte: what counts more items than there are bytes, in all blocks, is an attack on memory.
      int left = in.inputStream().available();
      for (int block = fitting(in.readArrayStart(), in); block != 0; block = fitting(in.arrayNext(), in)) {
        left -= block;
        if (left < 0) {
          throw new EOFException();
        }
        for (int i = 0; i < block; i++) {
          if (named) {
            String key = AvroScalars.string(in);
            fields.add(new VariantBuilder.FieldEntry(key, out.addKey(key), out.getWritePos() - start));
          } else {
            offsets.add(out.getWritePos() - start);
          }
          item.read(in, out, below);
        }
      }
      if (named) {
        out.finishWritingObject(start, fields);
      } else {
        out.finishWritingArray(start, offsets);
      }
    }
  }
}
