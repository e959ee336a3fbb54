package frauddetection.wire;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** JSON in UTF-8, in one array that grows and is used for one record after another. Whoever writes sees that the parts fit together. */
final class JsonBytes {
  private static final int USUAL = 4096;
  private static final byte[] ESCAPES = new byte[128];
  private static final byte[] HEX = "0123456789ABCDEF".getBytes(StandardCharsets.ISO_8859_1);
  private static final int LOW_DIGIT = 0xf;
  /** UTF-8: a byte that continues a character begins with the bits 10. */
  private static final int CHARACTER = 0xc0;
  private static final int MORE_OF_ONE = 0x80;
  private static final int MOST_OF_ONE = 6;
  /** Where texts are cut, arrays are too: to one element for so many bytes that a text may have. */
  private static final int TEXT_OF_AN_ELEMENT = 16;

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
  private int longest = Integer.MAX_VALUE;

  /** Begins anew. */
  void clear() {
    clear(Integer.MAX_VALUE);
  }

  /** Begins anew, and writes no more of a text than so many bytes. */
  void clear(int longestText) {
    length = 0;
    isAfterValue = false;
    longest = longestText;
  }

  int length() {
    return length;
  }

  /** Returns how many elements of an array are to be written at most. */
  int most() {
    return longest == Integer.MAX_VALUE ? longest : longest / TEXT_OF_AN_ELEMENT;
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
    int end = end(utf8);
    room(end * MOST_OF_ONE + 3);
    separate();
    byte[] to = bytes;
    int at = length;
    to[at++] = '"';
    for (int i = 0; i < end; i++) {
      byte one = utf8[i];
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

  /** Returns where a text ends that is not longer than it may be, between two characters. */
  private int end(byte[] utf8) {
    int end = utf8.length;
    if (end > longest) {
      end = longest;
      while (end > 0 && (utf8[end] & CHARACTER) == MORE_OF_ONE) {
        end--;
      }
    }
    return end;
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
