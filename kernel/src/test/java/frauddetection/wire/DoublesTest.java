package frauddetection.wire;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.StreamWriteFeature;
import java.io.IOException;
import java.io.StringWriter;
import java.util.Random;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.Test;

/** The bytes are those of Jackson's own writer, whatever the number. */
class DoublesTest {
  private static final JsonFactory JSON = JsonFactory.builder().enable(StreamWriteFeature.USE_FAST_DOUBLE_WRITER).build();

  @FunctionalInterface
  private interface Written {
    void by(JsonGenerator json) throws IOException;
  }

  private static String text(Written written) throws IOException {
    StringWriter text = new StringWriter();
    try (JsonGenerator json = JSON.createGenerator(text)) {
      written.by(json);
    }
    return text.toString();
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
      assertEquals(text(json -> json.writeNumber(value)), text(json -> Doubles.write(value, json)));
    }
  }
}
