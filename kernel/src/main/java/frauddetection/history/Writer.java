package frauddetection.history;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/** Bytes that grow: varints (least significant seven bits first, at most nine bytes), zigzag varints, raw longs. */
final class Writer {
  static final VarHandle LONGS = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);

  private byte[] bytes = new byte[512];
  private int size;

  void clear() {
    size = 0;
  }

  int size() {
    return size;
  }

  byte[] toBytes() {
    return Arrays.copyOf(bytes, size);
  }

  void unsigned(long value) {
    reserve(9);
    for (int i = 0; i < 8 && (value & ~0x7fL) != 0; i++, value >>>= 7) {
      bytes[size++] = (byte) (value | 0x80);
    }
    bytes[size++] = (byte) value;
  }

  void signed(long value) {
    unsigned(value << 1 ^ value >> 63);
  }

  void fixed(long value) {
    reserve(Long.BYTES);
    LONGS.set(bytes, size, value);
    size += Long.BYTES;
  }

  void raw(byte[] source, int from, int length) {
    reserve(length);
    System.arraycopy(source, from, bytes, size, length);
    size += length;
  }

  /** Makes room for this many bytes more. */
  void reserve(int more) {
    if (size + more > bytes.length) {
      bytes = Arrays.copyOf(bytes, Math.max(size + more, bytes.length * 2));
    }
  }
}
