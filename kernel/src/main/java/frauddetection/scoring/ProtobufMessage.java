package frauddetection.scoring;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import org.sparkproject.spark_core.protobuf.ByteString;
import org.sparkproject.spark_core.protobuf.InvalidProtocolBufferException;
import org.sparkproject.spark_core.protobuf.UnknownFieldSet;

/**
 * A message of Protocol Buffers without its schema: the reader is that of Spark's core. Each method returns the values of a field, none
 * where it is absent, and throws a RuntimeException where they are no such values.
 */
record ProtobufMessage(UnknownFieldSet fields) {
  static final ProtobufMessage EMPTY = new ProtobufMessage(UnknownFieldSet.getDefaultInstance());

  static ProtobufMessage of(ByteString bytes) {
    try {
      return new ProtobufMessage(UnknownFieldSet.parseFrom(bytes));
    } catch (InvalidProtocolBufferException error) {
      throw new IllegalArgumentException(error);
    }
  }

  List<ProtobufMessage> messages(int field) {
    return bytes(field).stream().map(ProtobufMessage::of).toList();
  }

  /** Returns the one value. */
  ProtobufMessage message(int field) {
    List<ProtobufMessage> found = messages(field);
    if (found.size() != 1) {
      throw new IllegalArgumentException(found.size() + " messages");
    }
    return found.get(0);
  }

  List<String> texts(int field) {
    return bytes(field).stream().map(ByteString::toStringUtf8).toList();
  }

  /** Returns the last value, or an empty text. */
  String text(int field) {
    List<String> found = texts(field);
    return found.isEmpty() ? "" : found.get(found.size() - 1);
  }

  long[] integers(int field) {
    return fields.getField(field).getVarintList().stream().mapToLong(Long::longValue).toArray();
  }

  /** Packed or not, or of bytes, four of which are one. */
  float[] floats(int field) {
    ByteBuffer packed = ByteString.copyFrom(bytes(field)).asReadOnlyByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
    List<Integer> bits = fields.getField(field).getFixed32List();
    float[] found = new float[bits.size() + packed.remaining() / Float.BYTES];
    for (int i = 0; i < found.length; i++) {
      found[i] = i < bits.size() ? Float.intBitsToFloat(bits.get(i)) : packed.getFloat();
    }
    return found;
  }

  private List<ByteString> bytes(int field) {
    return fields.getField(field).getLengthDelimitedList();
  }
}
