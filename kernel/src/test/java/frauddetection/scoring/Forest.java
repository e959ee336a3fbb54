package frauddetection.scoring;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

/** Nodes of trees, each attribute a list as an ONNX file has it. */
final class Forest {
  final List<Long> trees = new ArrayList<>();
  final List<Long> nodes = new ArrayList<>();
  final List<Long> features = new ArrayList<>();
  final List<Double> thresholds = new ArrayList<>();
  final List<Long> below = new ArrayList<>();
  final List<Long> above = new ArrayList<>();
  final List<Long> missing = new ArrayList<>();
  final List<String> modes = new ArrayList<>();
  final List<Long> leafTrees = new ArrayList<>();
  final List<Long> leaves = new ArrayList<>();
  final List<Long> classes = new ArrayList<>();
  final List<Double> weights = new ArrayList<>();
  final List<Double> base = new ArrayList<>();
  String baseName = "base_values";
  String transform = "NONE";

  /**
   * Returns trees that are not trained: they are grown by splits at random between random rows, so that no branch can be foreseen. What is
   * absent goes below at some nodes, above at others; so does what equals the threshold.
   */
  static Forest grow(Random random, double[][] rows, int trees, int depth) {
    Forest forest = new Forest();
    for (long tree = 0; tree < trees; tree++) {
      forest.grow(random, rows, tree, new long[1], IntStream.range(0, rows.length).toArray(), depth);
    }
    return forest;
  }

  /** Grows a node and all below it, out of these rows; returns its number. */
  private long grow(Random random, double[][] rows, long tree, long[] next, int[] within, int depth) {
    long number = next[0]++;
    int feature = random.nextInt(rows[0].length);
    double threshold = rows[within[random.nextInt(within.length)]][feature];
    int[] less = Arrays.stream(within).filter(row -> rows[row][feature] < threshold).toArray();
    int[] more = Arrays.stream(within).filter(row -> !(rows[row][feature] < threshold)).toArray();
    if (depth == 0 || less.length == 0) {
      leaf(tree, number, random.nextGaussian() / 10);
    } else {
      int place = branch(tree, number, feature, threshold, random.nextBoolean() ? "BRANCH_LT" : "BRANCH_LEQ", random.nextInt(2));
      below.set(place, grow(random, rows, tree, next, less, depth - 1));
      above.set(place, grow(random, rows, tree, next, more, depth - 1));
    }
    return number;
  }

  /** Adds a branch that leads nowhere yet; returns its place. */
  int branch(long tree, long number, long feature, double threshold, String mode, long missingTracksTrue) {
    trees.add(tree);
    nodes.add(number);
    features.add(feature);
    thresholds.add(threshold);
    modes.add(mode);
    missing.add(missingTracksTrue);
    below.add(0L);
    above.add(0L);
    return nodes.size() - 1;
  }

  void leaf(long tree, long number, double weight) {
    branch(tree, number, 0, 0, "LEAF", 0);
    weigh(tree, number, weight);
  }

  void weigh(long tree, long number, double weight) {
    leafTrees.add(tree);
    leaves.add(number);
    classes.add(0L);
    weights.add(weight);
  }

  /** Writes all attributes into a node of a graph, those of leaves after this prefix. */
  void write(Protobuf node, String leaf) {
    node.message(5, Onnx.integers("nodes_treeids", trees)).message(5, Onnx.integers("nodes_nodeids", nodes));
    node.message(5, Onnx.integers("nodes_featureids", features)).message(5, Onnx.floats("nodes_values", thresholds));
    node.message(5, Onnx.integers("nodes_truenodeids", below)).message(5, Onnx.integers("nodes_falsenodeids", above));
    node.message(5, Onnx.integers("nodes_missing_value_tracks_true", missing)).message(5, Onnx.texts("nodes_modes", modes));
    node.message(5, Onnx.integers(leaf + "treeids", leafTrees)).message(5, Onnx.integers(leaf + "nodeids", leaves));
    node.message(5, Onnx.integers(leaf + "ids", classes)).message(5, Onnx.floats(leaf + "weights", weights));
    node.message(5, Onnx.attribute("post_transform", 3).text(4, transform));
    if (!base.isEmpty()) {
      node.message(5, Onnx.floats(baseName, base));
    }
  }
}
