package frauddetection.wire;

import java.io.Serializable;
import java.util.regex.Pattern;

/** What identifiers may be, as contract/fields.py has it. */
final class Identifiers implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final int MIN_DIGITS = 13;
  private static final int MAX_DIGITS = 19;
  private static final int TEN = 10;
  private static final int NINE = 9;
  private static final char DELETE = '\u007f';
  private static final char LAST_CONTROL = '\u009f';

  private final Pattern cardNumber;

  /** {@code pattern} is of the texts that may be a card number, or null where they pass. */
  Identifiers(String pattern) {
    cardNumber = pattern == null ? null : Pattern.compile(pattern);
  }

  /** Whether the text is not blank and has no control characters. */
  static boolean accepts(String text) {
    boolean isBlank = true;
    for (int i = 0; i < text.length(); i++) {
      char one = text.charAt(i);
      if (one < ' ' || one >= DELETE && one <= LAST_CONTROL) {
        return false;
      }
      isBlank &= one == ' ';
    }
    return !isBlank;
  }

  /** Whether the text is what a card number may look like, blanks and hyphens aside, and passes Luhn's check. */
  boolean isCardNumber(String text) {
    if (cardNumber == null || text.length() < MIN_DIGITS) {
      return false;
    }
    String digits = text.indexOf(' ') < 0 && text.indexOf('-') < 0 ? text : text.replace(" ", "").replace("-", "");
    return digits.length() >= MIN_DIGITS && digits.length() <= MAX_DIGITS && cardNumber.matcher(digits).matches() && passesLuhn(digits);
  }

  private static boolean passesLuhn(String digits) {
    int total = 0;
    for (int place = 0; place < digits.length(); place++) {
      int number = (digits.charAt(digits.length() - 1 - place) - '0') * (1 + place % 2);
      total += number > NINE ? number - NINE : number;
    }
    return total % TEN == 0;
  }

  /** Whether every surrogate of the text is one of a pair: half of one is no character, and UTF-8 has no form for it. */
  static boolean isWellFormed(String text) {
    for (int i = 0; i < text.length(); i++) {
      char one = text.charAt(i);
      if (Character.isSurrogate(one)) {
        if (!Character.isHighSurrogate(one) || i + 1 == text.length() || !Character.isLowSurrogate(text.charAt(i + 1))) {
          return false;
        }
        i++;
      }
    }
    return true;
  }
}
