package frauddetection.scoring;

import java.util.Arrays;
import org.apache.spark.sql.catalyst.InternalRow;

/** Reads a struct of doubles. */
final class Features {
  private Features() {}

  /** Returns its fields, NaN where one is null. */
  static double[] of(InternalRow row) {
    double[] features = new double[row.numFields()];
    Arrays.setAll(features, i -> row.isNullAt(i) ? Double.NaN : row.getDouble(i));
    return features;
  }
}
