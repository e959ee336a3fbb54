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

/** What stands for a card number: nobody is led back to it without the key. */
final class CardNumbers {
  /** Of a key: HMAC-SHA256 of a shorter one can be guessed, and with it all card numbers. */
  static final int SHORTEST_KEY = 32;

  private static final String ALGORITHM = "HmacSHA256";

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
}
