package frauddetection.wire;

import java.io.Serializable;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/** Writes an object: a field without a value is left out, and a number that JSON has no form for. */
final class StructWriter implements Serializable {
  private static final long serialVersionUID = 1L;

  private final byte[][] names;
  private final Writer[] writers;

  StructWriter(StructType type) {
    StructField[] fields = type.fields();
    names = new byte[fields.length][];
    writers = new Writer[fields.length];
    for (int i = 0; i < fields.length; i++) {
      names[i] = JsonBytes.nameOf(fields[i].name());
      // Null of a double: it has a way of its own, as it may be no number.
      writers[i] = fields[i].dataType().equals(DataTypes.DoubleType) ? null : Writer.of(fields[i].dataType());
    }
  }

  void write(InternalRow row, JsonBytes json) {
    json.begin('{');
    for (int i = 0; i < names.length; i++) {
      if (row.isNullAt(i)) {
        continue;
      }
      if (writers[i] != null) {
        json.name(names[i]);
        writers[i].write(row, i, json);
        continue;
      }
      double value = row.getDouble(i);
      if (Double.isFinite(value)) {
        json.name(names[i]);
        Doubles.write(value, json);
      }
    }
    json.end('}');
  }
}
