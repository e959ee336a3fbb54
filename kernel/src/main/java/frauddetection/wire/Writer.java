package frauddetection.wire;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.io.Serializable;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import org.apache.spark.sql.catalyst.expressions.SpecializedGetters;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.Decimal;
import org.apache.spark.sql.types.DecimalType;
import org.apache.spark.sql.types.StructType;

/** How a value that is not null is written. */
@FunctionalInterface
interface Writer extends Serializable {
  DateTimeFormatter TIME = DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSSSSS'Z'");
  long MICROS_PER_SECOND = 1_000_000;
  int NANOS_PER_MICRO = 1_000;

  /** Writes what stands at a place of a row or of an array. */
  void write(SpecializedGetters from, int at, JsonGenerator json) throws IOException;

  /** Returns the writer of a type. */
  static Writer of(DataType type) {
    if (type instanceof StructType struct) {
      StructWriter writer = new StructWriter(struct);
      return (from, at, json) -> writer.write(from.getStruct(at, struct.length()), json);
    }
    if (type instanceof ArrayType array) {
      return ofArray(array.elementType());
    }
    if (type instanceof DecimalType decimal) {
      return (from, at, json) -> json.writeString(amount(from.getDecimal(at, decimal.precision(), decimal.scale())));
    }
    return ofScalar(type);
  }

  private static Writer ofArray(DataType elements) {
    Writer element = of(elements);
    return (from, at, json) -> {
      ArrayData array = from.getArray(at);
      json.writeStartArray();
      for (int i = 0; i < array.numElements(); i++) {
        element.write(array, i, json);
      }
      json.writeEndArray();
    };
  }

  private static Writer ofScalar(DataType type) {
    if (type.equals(DataTypes.StringType)) {
      return (from, at, json) -> {
        byte[] bytes = from.getUTF8String(at).getBytes();
        json.writeUTF8String(bytes, 0, bytes.length);
      };
    }
    if (type.equals(DataTypes.DoubleType)) {
      return (from, at, json) -> Doubles.write(from.getDouble(at), json);
    }
    if (type.equals(DataTypes.LongType)) {
      return (from, at, json) -> json.writeNumber(from.getLong(at));
    }
    if (type.equals(DataTypes.IntegerType)) {
      return (from, at, json) -> json.writeNumber(from.getInt(at));
    }
    if (type.equals(DataTypes.BooleanType)) {
      return (from, at, json) -> json.writeBoolean(from.getBoolean(at));
    }
    if (type.equals(DataTypes.BinaryType)) {
      return (from, at, json) -> json.writeBinary(from.getBinary(at));
    }
    if (type.equals(DataTypes.TimestampType)) {
      return (from, at, json) -> json.writeString(time(from.getLong(at)));
    }
    throw new IllegalArgumentException("the contract has no form for " + type.catalogString());
  }

  /** Two decimals, a third where it is not 0, as contract/scalars.py writes them. */
  private static String amount(Decimal value) {
    String text = value.toPlainString();
    return text.charAt(text.length() - 1) == '0' ? text.substring(0, text.length() - 1) : text;
  }

  private static String time(long micros) {
    long second = Math.floorDiv(micros, MICROS_PER_SECOND);
    int nanos = (int) Math.floorMod(micros, MICROS_PER_SECOND) * NANOS_PER_MICRO;
    return TIME.format(LocalDateTime.ofEpochSecond(second, nanos, ZoneOffset.UTC));
  }
}
