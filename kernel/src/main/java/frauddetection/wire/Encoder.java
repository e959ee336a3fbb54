package frauddetection.wire;

import frauddetection.catalyst.Calls;
import java.io.Serializable;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import scala.jdk.javaapi.CollectionConverters;

/**
 * Structs to the contract's JSON, as contract/encoding.py writes it: absent fields left out, amounts and times as text, bytes as base64. One
 * that a topic would not take, which would end the stream at each start, is cut: its texts and arrays have beginnings only, and its field
 * {@code truncated} is true.
 */
public final class Encoder implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final ThreadLocal<JsonBytes> JSON = ThreadLocal.withInitial(JsonBytes::new);

  /** Bytes of a text, one after the other until the record fits. A time and a hash are never cut: they have no more than the last. */
  private static final int[] SHORTER = {4096, 1024, 256, 64};

  private final StructWriter writer;
  private final StructType type;
  private final int most;

  private Encoder(StructType type, int most) {
    this.type = type;
    this.most = most;
    writer = new StructWriter(type);
  }

  /** Returns a binary column: the struct as JSON in UTF-8, of {@code most} bytes. {@code schema} is the struct's, as Spark's JSON. */
  public static Column apply(Column struct, String schema, int most) {
    return Calls.column(new Encoder((StructType) DataType.fromJson(schema), most), "write", DataTypes.BinaryType, List.of(struct));
  }

  /** Called by the code that Spark generates. */
  public byte[] write(InternalRow row) {
    JsonBytes json = JSON.get();
    json.clear();
    writer.write(row, json);
    if (json.length() > most) {
      cut(row, json);
    }
    return json.copy();
  }

  private void cut(InternalRow row, JsonBytes json) {
    Object[] fields = CollectionConverters.asJava(row.toSeq(type)).toArray();
    fields[type.fieldIndex("truncated")] = true;
    for (int i = 0; i < SHORTER.length && json.length() > most; i++) {
      json.clear(SHORTER[i]);
      writer.write(new GenericInternalRow(fields), json);
    }
  }
}
