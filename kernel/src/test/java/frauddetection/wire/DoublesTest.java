package frauddetection.wire;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.StreamWriteFeature;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.Test;

/** The bytes are those of Jackson's own writer, whatever the number. */
class DoublesTest {
  private static final JsonFactory JSON = JsonFactory.builder().enable(StreamWriteFeature.USE_FAST_DOUBLE_WRITER).build();

  private static String byJackson(double value) throws IOException {
    StringWriter text = new StringWriter();
    try (JsonGenerator json = JSON.createGenerator(text)) {
      json.writeNumber(value);
    }
    return text.toString();
  }

  private static String byHand(double value) {
    JsonBytes json = new JsonBytes();
    Doubles.write(value, json);
    return new String(json.copy(), StandardCharsets.US_ASCII);
  }

  @Test
  void theShortWayWritesWhatTheLongOneDoes() throws IOException {
    Random random = new Random(20260901);
    DoubleStream edges = DoubleStream.of(
        0, -0.0, 1, -1, 0.01, 0.001, 0.009999999999999998, 0.1, 0.29, 1.005, 1.1, 1023, 1024, 1e7, 9999999.99, 9999999.995, 1e7 + 0.5, -0.5,
        1e15, 1e22, Double.MIN_VALUE, Double.MAX_VALUE, Math.nextUp(0.29), Math.nextDown(0.29), Math.nextDown(1e7), Math.nextDown(5.0));
    DoubleStream amounts = random.longs(100_000, 0, 2_000_000_000L).mapToDouble(cents -> cents / 100.0);
    DoubleStream beside = random.longs(100_000, 0, 2_000_000_000L).mapToDouble(cents -> Math.nextUp(cents / 100.0));
    DoubleStream counts = random.longs(10_000, 0, 20_000_000L).mapToDouble(count -> count);
    DoubleStream any = random.longs(100_000).mapToDouble(Double::longBitsToDouble).filter(Double::isFinite);
    DoubleStream all = DoubleStream.concat(DoubleStream.concat(edges, amounts), DoubleStream.concat(DoubleStream.concat(beside, counts), any));
    for (double value : all.toArray()) {
      assertEquals(byJackson(value), byHand(value));
    }
  }
}
