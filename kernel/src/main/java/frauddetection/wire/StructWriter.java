package frauddetection.wire;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.io.SerializedString;
import java.io.IOException;
import java.io.Serializable;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/** Writes an object: a field without a value is left out, and a number that JSON has no form for. */
final class StructWriter implements Serializable {
  private static final long serialVersionUID = 1L;

  private final SerializedString[] names;
  private final boolean[] doubles;
  private final Writer[] writers;

  StructWriter(StructType type) {
    StructField[] fields = type.fields();
    names = new SerializedString[fields.length];
    doubles = new boolean[fields.length];
    writers = new Writer[fields.length];
    for (int i = 0; i < fields.length; i++) {
      names[i] = new SerializedString(fields[i].name());
      doubles[i] = fields[i].dataType().equals(DataTypes.DoubleType);
      writers[i] = Writer.of(fields[i].dataType());
    }
  }

  void write(InternalRow row, JsonGenerator json) throws IOException {
    json.writeStartObject();
    for (int i = 0; i < names.length; i++) {
      if (row.isNullAt(i) || doubles[i] && !Double.isFinite(row.getDouble(i))) {
        continue;
      }
      json.writeFieldName(names[i]);
      writers[i].write(row, i, json);
    }
    json.writeEndObject();
  }
}
