package frauddetection.wire;

import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.unsafe.types.UTF8String;

/** The texts of fields. */
final class Texts {
  /** What a list or an object has for a text, and what is not UTF-8: compared by identity, as no text of a field is it. */
  @SuppressWarnings("StringOperationCanBeSimplified")
  static final String NOT_A_SCALAR = new String("not a scalar");

  private Texts() {}

  /**
   * Returns the text of the value at which the parser stands, whether it stands in quotes or not; null for a null and for no characters.
   *
   * @throws IOException if it is no JSON, or holds a number that Python's parser does not know
   */
  static String of(JsonParser parser, JsonToken token) throws IOException {
    if (token == JsonToken.VALUE_NULL) {
      return null;
    }
    if (token.isStructStart()) {
      skip(parser);
      return NOT_A_SCALAR;
    }
    String text = parser.getText();
    requireKnown(parser, token, text);
    return text.isEmpty() ? null : text;
  }

  /** Returns the texts of an array of strings, null for those that are null or have no characters. */
  static String[] of(ArrayData array) {
    String[] texts = new String[array.numElements()];
    for (int i = 0; i < texts.length; i++) {
      texts[i] = array.isNullAt(i) ? null : text(array.getUTF8String(i));
    }
    return texts;
  }

  private static String text(UTF8String text) {
    return text.numBytes() == 0 ? null : text.isValid() ? text.toString() : NOT_A_SCALAR;
  }

  private static void skip(JsonParser parser) throws IOException {
    for (int depth = 1; depth > 0; ) {
      JsonToken token = parser.nextToken();
      if (token == null) {
        throw new JsonParseException(parser, "it ends too early");
      }
      depth += token.isStructStart() ? 1 : token.isStructEnd() ? -1 : 0;
      if (token == JsonToken.VALUE_NUMBER_FLOAT) {
        requireKnown(parser, token, parser.getText());
      }
    }
  }

  /** NaN, Infinity and -Infinity are told by the name of their field; Jackson knows more such words. */
  private static void requireKnown(JsonParser parser, JsonToken token, String text) throws IOException {
    if (token == JsonToken.VALUE_NUMBER_FLOAT && (text.charAt(0) == '+' || text.endsWith("INF"))) {
      throw new JsonParseException(parser, "no number");
    }
  }
}
