package frauddetection.scoring;

import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.ml.classification.DecisionTreeClassificationModel;
import org.apache.spark.ml.classification.GBTClassificationModel;
import org.apache.spark.ml.classification.ProbabilisticClassificationModel;
import org.apache.spark.ml.classification.RandomForestClassificationModel;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.ml.linalg.Vectors;
import org.apache.spark.ml.regression.DecisionTreeRegressionModel;
import org.apache.spark.ml.tree.Node;

/** Spark MLlib's trees, scored by MLlib itself, row by row: {@code PipelineModel.transform} would fix the model when the query starts. */
public final class MllibModel implements Model {
  private final ProbabilisticClassificationModel<Vector, ?> model;
  private final double[] absent;

  /**
   * Builds MLlib's model.
   *
   * @param json what {@link #write} returned
   * @param width how many features it must take
   * @throws IllegalArgumentException with what is wrong with the model
   */
  MllibModel(byte[] json, int width) {
    MllibTrees file = MllibTrees.parse(json, width);
    absent = file.absent();
    List<Node> roots = file.roots();
    model = file.kind() == MllibTrees.Kind.GBT ? boosted(file, roots, width) : forest(roots, width);
  }

  /**
   * Returns a forest as JSON. Called by training/mllib.py.
   *
   * @param absent what stands for each feature where it is absent
   */
  public static String write(RandomForestClassificationModel forest, List<Double> absent) {
    Iterator<Node> roots = Arrays.stream(forest.trees()).map(DecisionTreeClassificationModel::rootNode).iterator();
    return MllibTrees.of(MllibTrees.Kind.RANDOM_FOREST, absent, forest.treeWeights(), roots).json();
  }

  /** The same of boosted trees. */
  public static String write(GBTClassificationModel boosted, List<Double> absent) {
    Iterator<Node> roots = Arrays.stream(boosted.trees()).map(one -> ((DecisionTreeRegressionModel) one).rootNode()).iterator();
    return MllibTrees.of(MllibTrees.Kind.GBT, absent, boosted.treeWeights(), roots).json();
  }

  @Override
  public double score(double[] row) {
    double[] filled = row.clone();
    for (int i = 0; i < filled.length; i++) {
      if (Double.isNaN(filled[i])) {
        filled[i] = absent[i];
      }
    }
    return model.predictProbability(Vectors.dense(filled)).apply(1);
  }

  @Override
  public double[] scores(double[][] rows) {
    return Arrays.stream(rows).mapToDouble(this::score).toArray();
  }

  private static GBTClassificationModel boosted(MllibTrees file, List<Node> roots, int width) {
    DecisionTreeRegressionModel[] trees =
        roots.stream().map(root -> new DecisionTreeRegressionModel(root, width)).toArray(DecisionTreeRegressionModel[]::new);
    return new GBTClassificationModel("boosted", trees, file.weights(), width, 2);
  }

  private static RandomForestClassificationModel forest(List<Node> roots, int width) {
    DecisionTreeClassificationModel[] trees =
        roots.stream().map(root -> new DecisionTreeClassificationModel(root, width, 2)).toArray(DecisionTreeClassificationModel[]::new);
    return new RandomForestClassificationModel(trees, width, 2);
  }
}
