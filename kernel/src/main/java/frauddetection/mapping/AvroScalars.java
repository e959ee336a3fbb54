package frauddetection.mapping;

import frauddetection.mapping.AvroReader.Item;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.LocalDate;
import java.time.LocalTime;
import java.util.Base64;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.apache.avro.AvroRuntimeException;
import org.apache.avro.LogicalType;
import org.apache.avro.LogicalTypes;
import org.apache.avro.Schema;
import org.apache.avro.io.BinaryDecoder;
import org.apache.spark.types.variant.VariantBuilder;

/**
 * Avro's single values in a VARIANT: decimals are exact numbers, times the contract's text, dates and UUIDs theirs, enums their symbols, bytes
 * base64. A time without a zone is text without one.
 */
final class AvroScalars {
  /** Of a decimal in a VARIANT; one of more digits is text. */
  private static final int MAX_PRECISION = 38;

  private AvroScalars() {}

  static Item of(Schema schema) {
    LogicalType logical = schema.getLogicalType();
    return switch (schema.getType()) {
      case NULL -> (in, out, depth) -> out.appendNull();
      case BOOLEAN -> (in, out, depth) -> out.appendBoolean(in.readBoolean());
      case INT -> ofInt(logical);
      case LONG -> ofLong(logical);
      case FLOAT -> (in, out, depth) -> real(out, Float.toString(in.readFloat()));
      case DOUBLE -> (in, out, depth) -> real(out, in.readDouble());
      case STRING -> (in, out, depth) -> out.appendString(string(in));
      case ENUM -> symbols(schema.getEnumSymbols());
      case BYTES -> {
        FromBytes append = ofBytes(logical);
        yield (in, out, depth) -> append.append(AvroReader.bytes(in, AvroReader.length(in)), out);
      }
      case FIXED -> {
        FromBytes append = ofBytes(logical);
        int size = schema.getFixedSize();
        yield (in, out, depth) -> append.append(AvroReader.bytes(in, size), out);
      }
      default -> throw new AvroRuntimeException("no single value: " + schema.getType());
    };
  }

  static String string(BinaryDecoder in) throws IOException {
    return new String(AvroReader.bytes(in, AvroReader.length(in)), StandardCharsets.UTF_8);
  }

  /** Appends a value that has been read as bytes. */
  @FunctionalInterface
  private interface FromBytes {
    void append(byte[] bytes, VariantBuilder out);
  }

  private static Item ofInt(LogicalType logical) {
    if (logical instanceof LogicalTypes.Date) {
      return (in, out, depth) -> out.appendString(LocalDate.ofEpochDay(in.readInt()).toString());
    }
    if (logical instanceof LogicalTypes.TimeMillis) {
      return (in, out, depth) -> out.appendString(timeOfDay(TimeUnit.MILLISECONDS, in.readInt()));
    }
    return (in, out, depth) -> out.appendLong(in.readInt());
  }

  private static Item ofLong(LogicalType logical) {
    String name = logical == null ? "" : logical.getName();
    return switch (name) {
      case "timestamp-millis" -> (in, out, depth) -> out.appendString(Times.text(Math.multiplyExact(in.readLong(), 1_000L)));
      case "timestamp-micros" -> (in, out, depth) -> out.appendString(Times.text(in.readLong()));
      case "timestamp-nanos" -> (in, out, depth) -> out.appendString(Times.text(Math.floorDiv(in.readLong(), 1_000L)));
      case "local-timestamp-millis" -> (in, out, depth) -> out.appendString(Times.local(Math.multiplyExact(in.readLong(), 1_000L)));
      case "local-timestamp-micros" -> (in, out, depth) -> out.appendString(Times.local(in.readLong()));
      case "local-timestamp-nanos" -> (in, out, depth) -> out.appendString(Times.local(Math.floorDiv(in.readLong(), 1_000L)));
      case "time-micros" -> (in, out, depth) -> out.appendString(timeOfDay(TimeUnit.MICROSECONDS, in.readLong()));
      default -> (in, out, depth) -> out.appendLong(in.readLong());
    };
  }

  private static FromBytes ofBytes(LogicalType logical) {
    if (logical instanceof LogicalTypes.Decimal decimal) {
      int scale = decimal.getScale();
      return (bytes, out) -> number(out, new BigDecimal(new BigInteger(bytes), scale));
    }
    if (logical instanceof LogicalTypes.Uuid) {
      return (bytes, out) -> {
        ByteBuffer halves = ByteBuffer.wrap(bytes);
        out.appendString(new UUID(halves.getLong(), halves.getLong()).toString());
      };
    }
    return (bytes, out) -> out.appendString(Base64.getEncoder().encodeToString(bytes));
  }

  private static Item symbols(List<String> symbols) {
    return (in, out, depth) -> {
      int symbol = in.readEnum();
      if (symbol < 0 || symbol >= symbols.size()) {
        throw new AvroRuntimeException("no such symbol");
      }
      out.appendString(symbols.get(symbol));
    };
  }

  private static String timeOfDay(TimeUnit unit, long count) {
    return LocalTime.ofNanoOfDay(unit.toNanos(count)).toString();
  }

  /** A float of four bytes is the number that its shortest text says: 12.34, and not the double next to it. */
  private static void real(VariantBuilder out, String text) {
    if (Character.isDigit(text.charAt(text.length() - 1))) {
      number(out, new BigDecimal(text));
    } else {
      out.appendString(text);
    }
  }

  private static void real(VariantBuilder out, double value) {
    if (Double.isFinite(value)) {
      out.appendDouble(value);
    } else {
      out.appendString(Double.toString(value));
    }
  }

  private static void number(VariantBuilder out, BigDecimal value) {
    BigDecimal scaled = value.scale() < 0 ? value.setScale(0) : value;
    if (scaled.precision() <= MAX_PRECISION && scaled.scale() <= MAX_PRECISION) {
      out.appendDecimal(scaled);
    } else {
      out.appendString(scaled.toPlainString());
    }
  }
}
