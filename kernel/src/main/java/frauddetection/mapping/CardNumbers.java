package frauddetection.mapping;

import java.io.IOError;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.security.GeneralSecurityException;
import java.util.HexFormat;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** Card numbers (13 to 19 digits that pass Luhn's check): what stands for one, and how one is hidden where it must not be seen. */
final class CardNumbers {
  private static final int SHORTEST = 13;
  private static final int LONGEST = 19;

  /** Of a key: HMAC-SHA256 of a shorter one can be guessed, and with it all card numbers. */
  static final int SHORTEST_KEY = 32;

  private static final String ALGORITHM = "HmacSHA256";
  private static final int SHOWN = 4;

  /** As Python's bytes.strip has it; String.strip takes more, and so another key of some random bytes. */
  private static final Pattern AROUND = Pattern.compile("^\\s+|\\s+\\z");

  private static final Map<String, SecretKeySpec> KEYS = new ConcurrentHashMap<>();
  private static final ThreadLocal<Mac> MAC = ThreadLocal.withInitial(CardNumbers::newMac);

  private CardNumbers() {}

  /** Returns 64 hexadecimal digits that are always the same for a card number, and lead back to it for nobody without the key. */
  static String token(String number, String keyFile) {
    String digits = number.replaceAll("[ -]", "");
    if (digits.isEmpty()) {
      return null;
    }
    SecretKeySpec key = KEYS.computeIfAbsent(keyFile, CardNumbers::key);
    try {
      Mac mac = MAC.get();
      mac.init(key);
      return HexFormat.of().formatHex(mac.doFinal(digits.getBytes(StandardCharsets.UTF_8)));
    } catch (GeneralSecurityException error) {
      throw new IllegalStateException(ALGORITHM, error);
    }
  }

  /**
   * Returns the key of the file: its bytes, less the white space around them, which is what configuration/card_key.py takes for it.
   *
   * @throws UncheckedIOException the file cannot be read
   * @throws IllegalArgumentException the key is too short
   */
  static byte[] readKey(String file) {
    try {
      String text = Files.readString(java.nio.file.Path.of(file), StandardCharsets.ISO_8859_1);
      byte[] key = AROUND.matcher(text).replaceAll("").getBytes(StandardCharsets.ISO_8859_1);
      if (key.length < SHORTEST_KEY) {
        throw new IllegalArgumentException("has fewer than " + SHORTEST_KEY + " bytes");
      }
      return key;
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  /** An error and no exception: a stream without its key must end, and not make every payment a dead letter. */
  private static SecretKeySpec key(String file) {
    try {
      return new SecretKeySpec(readKey(file), ALGORITHM);
    } catch (UncheckedIOException | IllegalArgumentException error) {
      throw new IOError(error);
    }
  }

  private static Mac newMac() {
    try {
      return Mac.getInstance(ALGORITHM);
    } catch (GeneralSecurityException error) {
      throw new IllegalStateException(ALGORITHM, error);
    }
  }

  /** Returns the bytes with all but the last four digits of each card number as asterisks; the same array where there is none. */
  static byte[] masked(byte[] bytes) {
    byte[] masked = bytes;
    int at = 0;
    while (at < bytes.length) {
      if (!isDigit(bytes[at])) {
        at++;
        continue;
      }
      int end = end(bytes, at);
      if (isNumber(bytes, at, end)) {
        masked = masked == bytes ? bytes.clone() : masked;
        hide(masked, at, end);
      }
      at = end;
    }
    return masked;
  }

  /** Returns where a run of digits ends, single blanks and hyphens between them included. */
  private static int end(byte[] bytes, int start) {
    int end = start + 1;
    while (end < bytes.length) {
      boolean between = (bytes[end] == ' ' || bytes[end] == '-') && end + 1 < bytes.length && isDigit(bytes[end + 1]);
      if (!isDigit(bytes[end]) && !between) {
        break;
      }
      end++;
    }
    return end;
  }

  private static boolean isNumber(byte[] bytes, int start, int end) {
    int count = 0;
    int sum = 0;
    for (int i = end - 1; i >= start; i--) {
      if (isDigit(bytes[i])) {
        int digit = bytes[i] - '0';
        int doubled = count++ % 2 == 0 ? digit : 2 * digit;
        sum += doubled > 9 ? doubled - 9 : doubled;
      }
    }
    return count >= SHORTEST && count <= LONGEST && sum % 10 == 0;
  }

  private static void hide(byte[] bytes, int start, int end) {
    int shown = 0;
    for (int i = end - 1; i >= start; i--) {
      if (isDigit(bytes[i]) && shown++ >= SHOWN) {
        bytes[i] = '*';
      }
    }
  }

  private static boolean isDigit(byte one) {
    return one >= '0' && one <= '9';
  }
}
