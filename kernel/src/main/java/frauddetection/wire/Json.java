package frauddetection.wire;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;
import org.apache.spark.unsafe.types.UTF8String;

/** JSON as senders write it, contract's or not. */
public final class Json {
  private static final Pattern BLANK = Pattern.compile("\\s*");
  private static final char BYTE_ORDER_MARK = '\ufeff';

  /** The limit of size is the settings'; a number of a million digits is JSON too, and its field says what is wrong with it. */
  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS) // as Python's json does
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNumberLength(Integer.MAX_VALUE)
                  .maxStringLength(Integer.MAX_VALUE)
                  .maxNameLength(Integer.MAX_VALUE)
                  .build())
          .build();

  private static final byte[] NO_TEXT = {(byte) 0xff};

  private Json() {}

  /** Returns the text of the bytes from {@code start} on, without a byte order mark; null where they are not UTF-8. */
  public static String text(byte[] value, int start) {
    if (!UTF8String.fromBytes(value, start, value.length - start).isValid()) {
      return null;
    }
    String text = new String(value, start, value.length - start, StandardCharsets.UTF_8);
    return text.isEmpty() || text.charAt(0) != BYTE_ORDER_MARK ? text : text.substring(1);
  }

  /** Returns a parser of the text: of bytes Jackson would guess the encoding. */
  public static JsonParser parser(String text) throws IOException {
    return FACTORY.createParser(text);
  }

  /** Returns the text as UTF-8; of half a surrogate pair, which has none, a byte that is not UTF-8 either, so that a field is invalid. */
  public static UTF8String utf8(String text) {
    return Identifiers.isWellFormed(text) ? UTF8String.fromString(text) : UTF8String.fromBytes(NO_TEXT);
  }

  /** Returns the reason code of a text that is no JSON object. */
  public static String refusal(String text) {
    return BLANK.matcher(text).matches() ? "empty" : "not_a_json_object";
  }
}
