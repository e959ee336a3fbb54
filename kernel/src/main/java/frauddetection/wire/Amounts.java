package frauddetection.wire;

import java.io.Serializable;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.regex.Pattern;

/** Texts to money, in thousandths, as contract/scalars.py reads them. */
final class Amounts implements Serializable {
  private static final long serialVersionUID = 1L;
  /** What a text is that is no amount. */
  static final long NONE = -1;

  private static final int SCALE = 3;
  private static final int WHOLE_DIGITS = 11;
  private static final int TEN = 10;
  private static final BigDecimal TOO_MUCH = BigDecimal.TEN.pow(WHOLE_DIGITS);
  private static final BigDecimal NOISE = new BigDecimal("0.000001");
  private static final long[] UNITS = {1_000, 100, 10, 1};

  private final Pattern accepted;

  Amounts(String pattern) {
    accepted = Pattern.compile(pattern);
  }

  /** Returns the amount of so many decimals that the text stands for, in thousandths; {@link #NONE} where it stands for none. */
  long read(String text, int decimals) {
    long found = plain(text);
    if (found >= 0) {
      return found % UNITS[decimals] == 0 ? found : NONE;
    }
    if (!accepted.matcher(text).matches()) {
      return NONE;
    }
    BigDecimal value = new BigDecimal(text);
    if (value.compareTo(TOO_MUCH) >= 0) {
      return NONE; // before it is rounded: an exponent makes many digits
    }
    BigDecimal nearest = value.setScale(decimals, RoundingMode.HALF_EVEN);
    boolean isNear = nearest.subtract(value).abs().compareTo(NOISE) <= 0;
    return isNear && nearest.compareTo(TOO_MUCH) < 0 ? nearest.setScale(SCALE).unscaledValue().longValueExact() : NONE;
  }

  /** Returns the thousandths of a text of digits, perhaps with a point and up to three more: what nearly all are. Else {@link #NONE}. */
  private static long plain(String text) {
    int length = text.length();
    int point = text.indexOf('.');
    int whole = point < 0 ? length : point;
    int rest = point < 0 ? 0 : length - point - 1;
    if (whole == 0 || whole > WHOLE_DIGITS || rest > SCALE || point >= 0 && rest == 0) {
      return NONE;
    }
    long value = 0;
    for (int i = 0; i < length; i++) {
      char digit = text.charAt(i);
      if (i == point) {
        continue;
      }
      if (digit < '0' || digit > '9') {
        return NONE;
      }
      value = value * TEN + digit - '0';
    }
    return value * UNITS[rest];
  }
}
