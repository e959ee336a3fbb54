package frauddetection.wire;

import frauddetection.catalyst.Calls;
import java.io.Serializable;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** Structs to the contract's JSON, as contract/encoding.py writes it: absent fields left out, amounts and times as text, bytes as base64. */
public final class Encoder implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final ThreadLocal<JsonBytes> JSON = ThreadLocal.withInitial(JsonBytes::new);

  private final StructWriter writer;

  private Encoder(StructType type) {
    writer = new StructWriter(type);
  }

  /** Returns a binary column: the struct as JSON in UTF-8. {@code schema} is the struct's, as Spark's JSON. */
  public static Column apply(Column struct, String schema) {
    return Calls.column(new Encoder((StructType) DataType.fromJson(schema)), "write", DataTypes.BinaryType, List.of(struct));
  }

  /** Called by the code that Spark generates. */
  public byte[] write(InternalRow row) {
    JsonBytes json = JSON.get();
    json.clear();
    writer.write(row, json);
    return json.copy();
  }
}
