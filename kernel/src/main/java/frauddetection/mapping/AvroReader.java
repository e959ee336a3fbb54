package frauddetection.mapping;

import java.io.EOFException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.apache.avro.Schema;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.catalyst.util.GenericArrayData;
import org.apache.spark.types.variant.Variant;
import org.apache.spark.types.variant.VariantBuilder;
import org.apache.spark.unsafe.types.UTF8String;

/**
 * Reads Avro as its writer wrote it: no schema of ours need fit the writer's, which may differ by record. Values of a logical type are
 * what the contract wants to see: {@link AvroScalar}. Lengths and depth are judged before anything is made for them, so that no value can
 * take more memory than a few times its own size.
 */
final class AvroReader {
  private final int paths;
  private final AvroItem<UTF8String[]> texts;
  private final AvroItem<VariantBuilder> variant;

  AvroReader(Schema schema, Paths paths) {
    this.paths = paths.count();
    texts = new AvroTexts(paths).of(schema, paths.root());
    variant = new AvroVariant().of(schema);
  }

  /**
   * Returns the text at each path in what the bytes hold from {@code start} on, null where there is none.
   *
   * @throws Unreadable they are not Avro of this schema, or something follows
   */
  ArrayData texts(byte[] bytes, int start) throws Unreadable {
    UTF8String[] found = new UTF8String[paths];
    read(texts, found, bytes, start);
    return new GenericArrayData(found);
  }

  /**
   * Returns what the bytes hold from {@code start} on.
   *
   * @throws Unreadable they are not Avro of this schema, or something follows
   */
  Variant variant(byte[] bytes, int start) throws Unreadable {
    VariantBuilder found = new VariantBuilder(true);
    read(variant, found, bytes, start);
    return found.result();
  }

  private static <T> void read(AvroItem<T> item, T found, byte[] bytes, int start) throws Unreadable {
    try {
      BinaryDecoder in = DecoderFactory.get().binaryDecoder(bytes, start, bytes.length - start, null);
      item.read(in, found, 0);
      if (in.isEnd()) {
        return;
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

  /** Returns a length, which the rest of the value is long enough for. */
  static int fitting(long count, BinaryDecoder in) throws IOException {
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

  static String string(BinaryDecoder in) throws IOException {
    return new String(bytes(in, length(in)), StandardCharsets.UTF_8);
  }

  /** Reads one item of an array or a map. */
  @FunctionalInterface
  interface OfEach {
    void read(int place) throws IOException;
  }

  /** Reads the blocks of an array or a map. */
  static void eachOf(BinaryDecoder in, OfEach item) throws IOException {
    // No item of a sensible schema takes no byte: what counts more items than there are bytes, in all blocks, is an attack on memory.
    int left = in.inputStream().available();
    int place = 0;
    for (int block = fitting(in.readArrayStart(), in); block != 0; block = fitting(in.arrayNext(), in)) {
      left -= block;
      if (left < 0) {
        throw new EOFException();
      }
      for (int i = 0; i < block; i++) {
        item.read(place++);
      }
    }
  }
}
