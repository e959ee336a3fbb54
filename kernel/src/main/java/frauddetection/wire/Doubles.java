package frauddetection.wire;

import com.fasterxml.jackson.core.io.NumberOutput;
import java.nio.charset.StandardCharsets;

/**
 * Writes doubles as {@code Double.toString} has them, those that are counts or amounts without its search for the shortest decimal: most
 * features are. Where a double is the nearest to a decimal of at most 15 digits, that decimal is its shortest form, as no two such decimals
 * are nearest to one double (IEEE 754: 15 digits survive the way to a double and back).
 */
final class Doubles {
  private static final int CENTS = 100;
  private static final int TENS = 10;
  /** From here on {@code Double.toString} writes an exponent. */
  private static final double LARGE = 1e7;
  private static final int USUAL = 1024;
  private static final int LONGEST = 16;
  private static final byte[][] COUNTS = new byte[USUAL][];

  static {
    for (int i = 0; i < USUAL; i++) {
      COUNTS[i] = (i + ".0").getBytes(StandardCharsets.ISO_8859_1);
    }
  }

  private Doubles() {}

  /** Writes a finite number. */
  static void write(double value, JsonBytes json) {
    // Not zero below 0 and not what is too small: these go the long way.
    if (value >= 1.0 / CENTS && value < LARGE || Double.doubleToRawLongBits(value) == 0) {
      long cents = Math.round(value * CENTS);
      if (cents / (double) CENTS == value) {
        write(cents, json);
        return;
      }
    }
    json.plain(NumberOutput.toString(value, true)); // Java 17's own is slow
  }

  private static void write(long cents, JsonBytes json) {
    int whole = (int) (cents / CENTS);
    int rest = (int) (cents % CENTS);
    if (rest == 0 && whole < USUAL) {
      json.plain(COUNTS[whole], 0, COUNTS[whole].length);
      return;
    }
    byte[] text = new byte[LONGEST];
    int at = LONGEST;
    if (rest % TENS != 0) {
      text[--at] = (byte) ('0' + rest % TENS);
    }
    text[--at] = (byte) ('0' + rest / TENS);
    text[--at] = '.';
    do {
      text[--at] = (byte) ('0' + whole % TENS);
      whole /= TENS;
    } while (whole > 0);
    json.plain(text, at, LONGEST);
  }
}
