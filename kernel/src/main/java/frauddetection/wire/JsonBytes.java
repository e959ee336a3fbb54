package frauddetection.wire;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** JSON in UTF-8, in one array that grows and is used for one record after another. Whoever writes sees that the parts fit together. */
final class JsonBytes {
  private static final int USUAL = 4096;
  private static final byte[] ESCAPES = new byte[128];
  private static final byte[] HEX = "0123456789ABCDEF".getBytes(StandardCharsets.ISO_8859_1);
  private static final int LOW_DIGIT = 0xf;
  private static final int MOST_OF_ONE = 6;

  static {
    Arrays.fill(ESCAPES, 0, ' ', (byte) 'u');
    String short1 = "\b\t\n\f\r\"\\";
    String escaped = "btnfr\"\\";
    for (int i = 0; i < short1.length(); i++) {
      ESCAPES[short1.charAt(i)] = (byte) escaped.charAt(i);
    }
  }

  private byte[] bytes = new byte[USUAL];
  private int length;
  private boolean isAfterValue;

  void clear() {
    length = 0;
    isAfterValue = false;
  }

  byte[] copy() {
    return Arrays.copyOf(bytes, length);
  }

  /** Begins an object or an array. */
  void begin(char bracket) {
    room(2);
    separate();
    bytes[length++] = (byte) bracket;
    isAfterValue = false;
  }

  /** Ends one. */
  void end(char bracket) {
    room(1);
    bytes[length++] = (byte) bracket;
    isAfterValue = true;
  }

  /** Returns a name as {@link #name} takes it. */
  static byte[] nameOf(String name) {
    return ('"' + name + "\":").getBytes(StandardCharsets.UTF_8);
  }

  void name(byte[] quoted) {
    room(quoted.length + 1);
    separate();
    System.arraycopy(quoted, 0, bytes, length, quoted.length);
    length += quoted.length;
    isAfterValue = false;
  }

  /** Writes a number or a word. */
  void plain(byte[] ascii, int from, int end) {
    room(end - from + 1);
    separate();
    System.arraycopy(ascii, from, bytes, length, end - from);
    length += end - from;
    isAfterValue = true;
  }

  void plain(String ascii) {
    plain(ascii.getBytes(StandardCharsets.ISO_8859_1), 0, ascii.length());
  }

  /** Writes UTF-8 as a string, with the escapes that JSON demands and no others. */
  void text(byte[] utf8) {
    room(utf8.length * MOST_OF_ONE + 3);
    separate();
    byte[] to = bytes;
    int at = length;
    to[at++] = '"';
    for (byte one : utf8) {
      byte escape = one < 0 ? 0 : ESCAPES[one];
      if (escape == 0) {
        to[at++] = one;
        continue;
      }
      to[at++] = '\\';
      to[at++] = escape;
      if (escape == 'u') {
        to[at++] = '0';
        to[at++] = '0';
        to[at++] = HEX[one >> 4];
        to[at++] = HEX[one & LOW_DIGIT];
      }
    }
    to[at++] = '"';
    length = at;
    isAfterValue = true;
  }

  private void separate() {
    if (isAfterValue) {
      bytes[length++] = ',';
    }
  }

  private void room(int more) {
    if (length + more > bytes.length) {
      bytes = Arrays.copyOf(bytes, Math.max(bytes.length * 2, length + more));
    }
  }
}
