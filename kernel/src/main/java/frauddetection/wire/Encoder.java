package frauddetection.wire;

import com.fasterxml.jackson.core.JsonEncoding;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.StreamWriteFeature;
import frauddetection.catalyst.Calls;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** Structs to the contract's JSON, as contract/encoding.py writes it: absent fields left out, amounts and times as text, bytes as base64. */
public final class Encoder implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final int USUAL_BYTES = 4096;

  /** Java 17's own Double.toString is slow, and a scored transaction is mostly numbers. */
  private static final JsonFactory JSON = JsonFactory.builder().enable(StreamWriteFeature.USE_FAST_DOUBLE_WRITER).build();

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
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(USUAL_BYTES);
    try (JsonGenerator json = JSON.createGenerator(bytes, JsonEncoding.UTF8)) {
      writer.write(row, json);
    } catch (IOException impossible) {
      throw new UncheckedIOException(impossible);
    }
    return bytes.toByteArray();
  }
}
