package frauddetection.scoring;

import frauddetection.catalyst.Calls;
import java.io.Serializable;
import java.util.List;
import org.apache.spark.SparkEnv;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;

/** Scores transactions by the champion of a model store, and by its challenger, which decides nothing. */
public final class Score implements Serializable {
  private static final long serialVersionUID = 1L;

  private static final StructType TYPE =
      new StructType()
          .add("fraud_score", DataTypes.DoubleType)
          .add("model_version", DataTypes.StringType)
          .add("model_decision", DataTypes.StringType)
          .add("challenger_score", DataTypes.DoubleType)
          .add("challenger_version", DataTypes.StringType)
          .add("scored_by", DataTypes.StringType);

  private static final String DRIVER = "driver";

  private final Subscription subscription;
  private transient volatile ModelStore models;
  private transient volatile ScoredBy scoredBy;

  private record ScoredBy(Bundle champion, UTF8String text) {}

  Score(Subscription subscription) {
    this.subscription = subscription;
  }

  /**
   * Returns a struct column: {@code fraud_score} from 0 to 1, {@code model_version}, {@code model_decision} (approve, review or decline),
   * {@code challenger_score}, {@code challenger_version}, {@code scored_by} (the executor, a space, the version). It is null where there are no features or no champion; scores, and the decision,
   * are null where the model gives none. Spark is told that the same row may be given another score: the champion may have changed.
   *
   * @param features a struct of doubles, null or NaN where one is absent
   * @param featuresSchema its schema, as Spark's JSON
   * @param featureSet the name of the features' definition
   * @param store of models, a directory or an s3a:// address
   * @param pollSeconds how often it is asked for new models
   * @param publicKey that signs them, as of a {@link Subscription}; null for none
   * @throws java.io.UncheckedIOException where the store cannot be read
   */
  public static Column apply(
      Column features, String featuresSchema, String featureSet, String store, int pollSeconds, String publicKey) {
    Score score = new Score(Subscription.of(featuresSchema, featureSet, store, pollSeconds, publicKey));
    // The driver follows the store too, where executors score: it is the one that says which models are in force.
    ModelStore.of(score.subscription);
    return Calls.nondeterministic(score, "read", TYPE, List.of(features));
  }

  /** Called by the code that Spark generates. */
  public InternalRow read(InternalRow row) {
    if (row == null) {
      return null;
    }
    if (models == null) {
      models = ModelStore.of(subscription);
    }
    ModelStore.Served served = models.served();
    Bundle champion = served.champion();
    if (champion == null) {
      return null;
    }
    double[] features = Features.of(row);
    double score = champion.score(features);
    Object[] columns = new Object[TYPE.length()];
    columns[0] = number(score);
    columns[1] = UTF8String.fromString(champion.version());
    columns[2] = UTF8String.fromString(champion.decision(score));
    Bundle challenger = served.challenger();
    if (challenger != null) {
      columns[3] = number(challenger.score(features));
      columns[4] = UTF8String.fromString(challenger.version());
    }
    columns[5] = scoredBy(champion);
    return new GenericInternalRow(columns);
  }

  private UTF8String scoredBy(Bundle champion) {
    ScoredBy last = scoredBy;
    if (last == null || last.champion != champion) {
      SparkEnv spark = SparkEnv.get();
      String executor = spark == null ? DRIVER : spark.executorId();
      last = new ScoredBy(champion, UTF8String.fromString(executor + " " + champion.version()));
      scoredBy = last;
    }
    return last.text;
  }

  private static Double number(double score) {
    return Double.isNaN(score) ? null : score;
  }
}
