package frauddetection.scoring;

import frauddetection.catalyst.Calls;
import java.io.Serializable;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.catalyst.util.GenericArrayData;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;

/** Explains scores by the model that gave them, for people: dozens of times the work of a score. */
public final class Explain implements Serializable {
  private static final long serialVersionUID = 1L;

  private static final DataType TYPE =
      DataTypes.createArrayType(
          new StructType()
              .add("feature", DataTypes.StringType)
              .add("value", DataTypes.DoubleType)
              .add("usual", DataTypes.DoubleType)
              .add("contribution", DataTypes.DoubleType));

  private final Subscription subscription;
  private transient volatile ModelStore models;

  Explain(Subscription subscription) {
    this.subscription = subscription;
  }

  /**
   * Returns an array column of up to three structs, {@code feature}, {@code value}, {@code usual}, {@code contribution}: see {@link
   * Bundle#explain}. It is null where features or version are; a value is null where it is absent.
   *
   * @param features as for {@link Score#apply}, as are the others
   * @param modelVersion which model gave the score
   */
  public static Column apply(
      Column features, String featuresSchema, String featureSet, String store, int pollSeconds, String publicKey, Column modelVersion) {
    Explain explain = new Explain(Subscription.of(featuresSchema, featureSet, store, pollSeconds, publicKey));
    return Calls.column(explain, "read", TYPE, List.of(features, modelVersion));
  }

  /** Called by the code that Spark generates. */
  public ArrayData read(InternalRow features, UTF8String modelVersion) {
    if (features == null || modelVersion == null) {
      return null;
    }
    if (models == null) {
      models = ModelStore.of(subscription);
    }
    List<Contribution> found = models.bundle(modelVersion.toString()).explain(Features.of(features));
    return new GenericArrayData(found.stream().map(Explain::row).toArray());
  }

  private static InternalRow row(Contribution one) {
    return new GenericInternalRow(
        new Object[] {UTF8String.fromString(one.feature()), number(one.value()), number(one.usual()), one.contribution()});
  }

  private static Double number(double value) {
    return Double.isNaN(value) ? null : value;
  }
}
