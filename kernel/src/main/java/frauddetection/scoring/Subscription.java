package frauddetection.scoring;

import java.io.Serializable;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructType;

/**
 * What a detector wants of a model store.
 *
 * @param store a directory or an s3a:// address
 * @param columns the detector's features in order
 * @param featureSet their name
 * @param pollSeconds how often the store is asked for new models
 * @param publicKey an Ed25519 key, X.509 in Base64, by which manifests are signed; null: signatures are not looked at
 */
record Subscription(String store, List<String> columns, String featureSet, int pollSeconds, String publicKey) implements Serializable {

  static Subscription of(String featuresSchema, String featureSet, String store, int pollSeconds, String publicKey) {
    List<String> columns = Arrays.asList(((StructType) DataType.fromJson(featuresSchema)).fieldNames());
    return new Subscription(store, List.copyOf(columns), featureSet, pollSeconds, publicKey);
  }
}
