package frauddetection.spark;

import frauddetection.catalyst.Calls;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.catalyst.encoders.AgnosticExpressionPathEncoder;
import org.apache.spark.sql.catalyst.expressions.CreateNamedStruct;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.GetStructField;
import org.apache.spark.sql.catalyst.expressions.Literal;
import org.apache.spark.sql.catalyst.expressions.objects.Invoke;
import org.apache.spark.sql.catalyst.expressions.objects.StaticInvoke;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.ObjectType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import scala.Option;
import scala.reflect.ClassTag;

/**
 * Hands struct columns to a record, and takes them from it, as Spark has them in memory. Spark's own encoders would make a Java object
 * of every field of every event and back again: most of the time of a stateful step (docs/adr/0009).
 */
final class RecordEncoder<T> implements AgnosticExpressionPathEncoder<T> {
  private static final long serialVersionUID = 1L;

  private final Class<T> record;
  private final String factory;
  private final StructType schema;

  private RecordEncoder(Class<T> record, String factory, StructType schema) {
    this.record = record;
    this.factory = factory;
    this.schema = schema;
  }

  static RecordEncoder<Event> ofEvents(StructType schema) {
    return new RecordEncoder<>(Event.class, "of", schema);
  }

  static RecordEncoder<Featured> ofFeatured(StructType schema) {
    return new RecordEncoder<>(Featured.class, "unreadable", schema);
  }

  /** A call of the record's factory with all columns. */
  @Override
  public Expression fromCatalyst(Expression path) {
    List<Expression> columns = new ArrayList<>();
    for (int i = 0; i < schema.length(); i++) {
      columns.add(new GetStructField(path, i, Option.empty()));
    }
    return new StaticInvoke(
        record, ObjectType.apply(record), factory, Calls.seq(columns), Calls.seq(List.of()), true, false, true, Option.empty());
  }

  /** A call of the record's accessor for each column. */
  @Override
  public Expression toCatalyst(Expression input) {
    List<Expression> columns = new ArrayList<>();
    for (StructField field : schema.fields()) {
      columns.add(Literal.create(field.name(), DataTypes.StringType));
      columns.add(new Invoke(input, field.name(), field.dataType(), Calls.seq(List.of()), Calls.seq(List.of()), true, true, true));
    }
    return new CreateNamedStruct(Calls.seq(columns));
  }

  @Override
  public boolean isPrimitive() {
    return false;
  }

  @Override
  public boolean nullable() {
    return false;
  }

  @Override
  public boolean isStruct() {
    return true;
  }

  @Override
  public boolean lenientSerialization() {
    return false;
  }

  @Override
  public DataType dataType() {
    return schema;
  }

  @Override
  public StructType schema() {
    return schema;
  }

  @Override
  public ClassTag<T> clsTag() {
    return ClassTag.apply(record);
  }
}
