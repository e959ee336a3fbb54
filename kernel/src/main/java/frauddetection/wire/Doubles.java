package frauddetection.wire;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.io.SerializedString;
import java.io.IOException;

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
  private static final SerializedString[] COUNTS = new SerializedString[USUAL];

  static {
    for (int i = 0; i < USUAL; i++) {
      COUNTS[i] = new SerializedString(i + ".0");
      COUNTS[i].asUnquotedUTF8();
    }
  }

  private Doubles() {}

  /** Writes a finite number. */
  static void write(double value, JsonGenerator json) throws IOException {
    // Not zero below 0 and not what is too small: these go the long way.
    if (value >= 1.0 / CENTS && value < LARGE || Double.doubleToRawLongBits(value) == 0) {
      long cents = Math.round(value * CENTS);
      if (cents / (double) CENTS == value) {
        write(cents, json);
        return;
      }
    }
    json.writeNumber(value);
  }

  private static void write(long cents, JsonGenerator json) throws IOException {
    int whole = (int) (cents / CENTS);
    int rest = (int) (cents % CENTS);
    if (rest == 0 && whole < USUAL) {
      json.writeRawValue(COUNTS[whole]);
      return;
    }
    char[] text = new char[LONGEST];
    int at = LONGEST;
    if (rest % TENS != 0) {
      text[--at] = (char) ('0' + rest % TENS);
    }
    text[--at] = (char) ('0' + rest / TENS);
    text[--at] = '.';
    do {
      text[--at] = (char) ('0' + whole % TENS);
      whole /= TENS;
    } while (whole > 0);
    json.writeRawValue(text, at, LONGEST - at);
  }
}
