package frauddetection.mapping;

import java.io.IOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.time.DateTimeException;
import java.time.LocalDate;
import java.time.LocalTime;
import java.util.Base64;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.LongFunction;
import org.apache.avro.AvroRuntimeException;
import org.apache.avro.LogicalType;
import org.apache.avro.LogicalTypes;
import org.apache.avro.Schema;
import org.apache.avro.io.BinaryDecoder;
import org.apache.spark.types.variant.VariantBuilder;
import org.apache.spark.unsafe.types.UTF8String;

/**
 * Reads Avro's single values: decimals are exact numbers, times the contract's text, dates and UUIDs theirs, enums their symbols, bytes
 * base64. A time without a zone is text without one. A number that is no time of its logical type stays a number: the contract says what
 * is wrong with it, by the name of its field.
 */
@FunctionalInterface
interface AvroScalar {

  /** Returns the value: null, a Boolean, Long, Double, BigDecimal, or text as UTF8String. */
  Object read(BinaryDecoder in) throws IOException;

  static AvroScalar of(Schema schema) {
    LogicalType logical = schema.getLogicalType();
    return switch (schema.getType()) {
      case NULL -> in -> null;
      case BOOLEAN -> BinaryDecoder::readBoolean;
      case INT -> ofInt(logical);
      case LONG -> ofLong(logical);
      case FLOAT -> in -> real(Float.toString(in.readFloat()));
      case DOUBLE -> BinaryDecoder::readDouble;
      case STRING -> in -> UTF8String.fromBytes(AvroReader.bytes(in, AvroReader.length(in)));
      case ENUM -> ofSymbols(schema.getEnumSymbols());
      case BYTES -> {
        FromBytes value = ofBytes(logical);
        yield in -> value.of(AvroReader.bytes(in, AvroReader.length(in)));
      }
      case FIXED -> {
        FromBytes value = ofBytes(logical);
        int size = schema.getFixedSize();
        yield in -> value.of(AvroReader.bytes(in, size));
      }
      default -> throw new AvroRuntimeException("no single value: " + schema.getType());
    };
  }

  /** Returns the text of a value, null of null. */
  static UTF8String text(Object value) {
    if (value == null || value instanceof UTF8String) {
      return (UTF8String) value;
    }
    return UTF8String.fromString(value instanceof BigDecimal number ? number.toPlainString() : value.toString());
  }

  /** Appends a value to a VARIANT, whose decimals have at most 38 digits, and which has no NaN or Infinity: others are text. */
  static void append(Object value, VariantBuilder out) {
    if (value == null) {
      out.appendNull();
    } else if (value instanceof Boolean truth) {
      out.appendBoolean(truth);
    } else if (value instanceof Long number) {
      out.appendLong(number);
    } else if (value instanceof Double number && Double.isFinite(number)) {
      out.appendDouble(number);
    } else if (value instanceof BigDecimal number && isOfVariant(number)) {
      out.appendDecimal(number);
    } else {
      out.appendString(text(value).toString());
    }
  }

  private static boolean isOfVariant(BigDecimal number) {
    final int most = 38;
    return number.precision() <= most && number.scale() <= most;
  }

  /** What a value is that is read as bytes. */
  @FunctionalInterface
  interface FromBytes {
    Object of(byte[] bytes);
  }

  private static AvroScalar ofInt(LogicalType logical) {
    if (logical instanceof LogicalTypes.Date) {
      return in -> attempt(in.readInt(), days -> LocalDate.ofEpochDay(days).toString());
    }
    if (logical instanceof LogicalTypes.TimeMillis) {
      return in -> attempt(in.readInt(), count -> timeOfDay(TimeUnit.MILLISECONDS, count));
    }
    return in -> (long) in.readInt();
  }

  private static AvroScalar ofLong(LogicalType logical) {
    LongFunction<String> text =
        switch (logical == null ? "" : logical.getName()) {
          case "timestamp-millis" -> count -> Times.text(Math.multiplyExact(count, 1_000L));
          case "timestamp-micros" -> Times::text;
          case "timestamp-nanos" -> count -> Times.text(Math.floorDiv(count, 1_000L));
          case "local-timestamp-millis" -> count -> Times.local(Math.multiplyExact(count, 1_000L));
          case "local-timestamp-micros" -> Times::local;
          case "local-timestamp-nanos" -> count -> Times.local(Math.floorDiv(count, 1_000L));
          case "time-micros" -> count -> timeOfDay(TimeUnit.MICROSECONDS, count);
          default -> null;
        };
    return text == null ? BinaryDecoder::readLong : in -> attempt(in.readLong(), text);
  }

  private static Object attempt(long number, LongFunction<String> text) {
    try {
      return UTF8String.fromString(text.apply(number));
    } catch (ArithmeticException | DateTimeException none) {
      return number;
    }
  }

  private static FromBytes ofBytes(LogicalType logical) {
    if (logical instanceof LogicalTypes.Decimal decimal) {
      int scale = decimal.getScale();
      return bytes -> bytes.length == 0 ? null : whole(new BigDecimal(new BigInteger(bytes), scale));
    }
    if (logical instanceof LogicalTypes.Uuid) {
      return bytes -> {
        ByteBuffer halves = ByteBuffer.wrap(bytes);
        return UTF8String.fromString(new UUID(halves.getLong(), halves.getLong()).toString());
      };
    }
    return bytes -> UTF8String.fromString(Base64.getEncoder().encodeToString(bytes));
  }

  private static AvroScalar ofSymbols(List<String> symbols) {
    UTF8String[] texts = symbols.stream().map(UTF8String::fromString).toArray(UTF8String[]::new);
    return in -> {
      int symbol = in.readEnum();
      if (symbol < 0 || symbol >= texts.length) {
        throw new AvroRuntimeException("no such symbol");
      }
      return texts[symbol];
    };
  }

  private static String timeOfDay(TimeUnit unit, long count) {
    return LocalTime.ofNanoOfDay(unit.toNanos(count)).toString();
  }

  /** A float of four bytes is the number that its shortest text says: 12.34, and not the double next to it. */
  private static Object real(String text) {
    return Character.isDigit(text.charAt(text.length() - 1)) ? whole(new BigDecimal(text)) : UTF8String.fromString(text);
  }

  private static BigDecimal whole(BigDecimal value) {
    return value.scale() < 0 ? value.setScale(0) : value;
  }
}
