package frauddetection.mapping;

import java.io.IOException;
import org.apache.avro.AvroRuntimeException;
import org.apache.avro.io.BinaryDecoder;

/**
 * Reads one item of Avro, and hands on what is in it.
 *
 * @param <T> to whom
 */
@FunctionalInterface
interface AvroItem<T> {
  /** Of items in items: a record that contains itself may be as deep as it likes. */
  int MAX_DEPTH = 100;

  /** {@code depth} is how many items are around it. */
  void read(BinaryDecoder in, T out, int depth) throws IOException;

  /** Returns the depth below. */
  static int deeper(int depth) {
    if (depth >= MAX_DEPTH) {
      throw new AvroRuntimeException("too deep");
    }
    return depth + 1;
  }

  /** Returns the branch of a union that stands next. */
  static int branch(BinaryDecoder in, int branches) throws IOException {
    int branch = in.readIndex();
    if (branch < 0 || branch >= branches) {
      throw new AvroRuntimeException("no such branch");
    }
    return branch;
  }
}
