package frauddetection.wire;

import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
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
  byte[] YES = "true".getBytes(StandardCharsets.ISO_8859_1);
  byte[] NO = "false".getBytes(StandardCharsets.ISO_8859_1);

  /** Writes what stands at a place of a row or of an array. */
  void write(SpecializedGetters from, int at, JsonBytes json);

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
      return (from, at, json) -> json.text(amount(from.getDecimal(at, decimal.precision(), decimal.scale())));
    }
    return ofScalar(type);
  }

  private static Writer ofArray(DataType elements) {
    Writer element = of(elements);
    return (from, at, json) -> {
      ArrayData array = from.getArray(at);
      json.begin('[');
      for (int i = 0; i < array.numElements() && i < json.most(); i++) {
        element.write(array, i, json);
      }
      json.end(']');
    };
  }

  private static Writer ofScalar(DataType type) {
    if (type.equals(DataTypes.StringType)) {
      return (from, at, json) -> json.text(from.getUTF8String(at).getBytes());
    }
    if (type.equals(DataTypes.DoubleType)) {
      return (from, at, json) -> Doubles.write(from.getDouble(at), json);
    }
    if (type.equals(DataTypes.LongType)) {
      return (from, at, json) -> json.plain(Long.toString(from.getLong(at)));
    }
    if (type.equals(DataTypes.IntegerType)) {
      return (from, at, json) -> json.plain(Integer.toString(from.getInt(at)));
    }
    if (type.equals(DataTypes.BooleanType)) {
      return (from, at, json) -> {
        byte[] word = from.getBoolean(at) ? YES : NO;
        json.plain(word, 0, word.length);
      };
    }
    if (type.equals(DataTypes.BinaryType)) {
      return (from, at, json) -> json.text(Base64.getEncoder().encode(from.getBinary(at)));
    }
    if (type.equals(DataTypes.TimestampType)) {
      return (from, at, json) -> json.text(Instants.text(from.getLong(at)));
    }
    throw new IllegalArgumentException("the contract has no form for " + type.catalogString());
  }

  /** Two decimals, a third where it is not 0, as contract/scalars.py writes them. */
  private static byte[] amount(Decimal value) {
    String text = value.toPlainString();
    int length = text.endsWith("0") ? text.length() - 1 : text.length();
    return text.substring(0, length).getBytes(StandardCharsets.ISO_8859_1);
  }
}
