package frauddetection.wire;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.core.JsonEncoding;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The bytes are those of Jackson's own writer, whatever the text. */
class JsonBytesTest {
  private static final int LONGEST = 3_000;

  @Test
  void textsAreEscapedAsByJackson() throws IOException {
    Random random = new Random(20261129);
    JsonBytes json = new JsonBytes();
    for (int i = 0; i < 2_000; i++) {
      int[] points = random.ints(random.nextInt(LONGEST), 0, i % 2 == 0 ? 0x80 : 0x11000).filter(one -> one < 0xd800 || one > 0xdfff).toArray();
      byte[] text = new String(points, 0, points.length).getBytes(StandardCharsets.UTF_8);
      json.clear();
      json.begin('[');
      json.text(text);
      json.begin('{');
      json.name(JsonBytes.nameOf("a"));
      json.text(text);
      json.name(JsonBytes.nameOf("b"));
      json.plain("1.5");
      json.end('}');
      json.end(']');
      assertEquals(byJackson(text), new String(json.copy(), StandardCharsets.UTF_8));
    }
  }

  private static String byJackson(byte[] text) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (JsonGenerator json = new JsonFactory().createGenerator(bytes, JsonEncoding.UTF8)) {
      json.writeStartArray();
      json.writeUTF8String(text, 0, text.length);
      json.writeStartObject();
      json.writeFieldName("a");
      json.writeUTF8String(text, 0, text.length);
      json.writeNumberField("b", 1.5);
      json.writeEndObject();
      json.writeEndArray();
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }
}
