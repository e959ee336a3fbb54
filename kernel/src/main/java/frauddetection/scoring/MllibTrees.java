package frauddetection.scoring;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonProcessingException;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.ml.tree.ContinuousSplit;
import org.apache.spark.ml.tree.InternalNode;
import org.apache.spark.ml.tree.LeafNode;
import org.apache.spark.ml.tree.Node;
import org.apache.spark.mllib.tree.impurity.GiniCalculator;
import org.apache.spark.mllib.tree.impurity.ImpurityCalculator;
import org.apache.spark.mllib.tree.impurity.VarianceCalculator;

/**
 * MLlib's trees as a bundle keeps them. MLlib's own files are folders of Parquet, which only a driver can read; executors score too.
 *
 * @param kind of trees
 * @param absent what stands for each feature where it is absent
 * @param weights of the trees
 * @param trees in order
 */
record MllibTrees(Kind kind, double[] absent, double[] weights, List<Tree> trees) {
  private static final int DEEPEST = 30;

  /** How the trees' leaves make a score: the mean of their shares of fraud, or the logistic of twice their weighted sum. */
  enum Kind {
    @JsonProperty("random_forest")
    RANDOM_FOREST,
    @JsonProperty("gbt")
    GBT
  }

  /**
   * A node's left child, for what is at most its threshold, is the node after it.
   *
   * @param feature of each node, by number; -1 for a leaf
   * @param threshold of each node; of a leaf its prediction
   * @param right of each node, its other child, by number; 0 for a leaf
   * @param stats of a leaf, the counts of genuine and fraud in a forest; else empty
   */
  record Tree(int[] feature, double[] threshold, int[] right, double[][] stats) {
    private Node root(Kind kind, int width) {
      int size = feature.length;
      require(size > 0 && threshold.length == size && right.length == size && stats.length == size, "a tree's columns differ in length");
      Node[] nodes = new Node[size];
      int[] depth = new int[size];
      for (int i = size - 1; i >= 0; i--) {
        if (feature[i] < 0) {
          require(kind == Kind.GBT || stats[i].length == 2 && stats[i][0] + stats[i][1] > 0, "a leaf has no counts of two classes");
          nodes[i] = new LeafNode(threshold[i], 0, calculator(kind, stats[i]));
        } else {
          require(feature[i] < width && i + 1 < right[i] && right[i] < size, "a tree leads nowhere");
          Node less = nodes[i + 1];
          Node more = nodes[right[i]];
          nodes[i] = new InternalNode(0, 0, 0, less, more, new ContinuousSplit(feature[i], threshold[i]), less.impurityStats());
          depth[i] = 1 + Math.max(depth[i + 1], depth[right[i]]);
          require(depth[i] <= DEEPEST, "a tree is deeper than MLlib's are");
        }
      }
      return nodes[0];
    }
  }

  /**
   * Returns what the JSON says.
   *
   * @throws IllegalArgumentException where that is no model of so many features
   */
  static MllibTrees parse(byte[] json, int width) {
    MllibTrees found;
    try {
      found = Manifest.JSON.readValue(json, MllibTrees.class);
    } catch (IOException error) {
      throw new IllegalArgumentException("its trees cannot be read: " + Manifest.firstLine(error.getMessage()), error);
    }
    require(found != null && found.kind != null && found.absent != null && found.weights != null && found.trees != null, "a part is absent");
    require(found.absent.length == width, "they take " + found.absent.length + " features");
    require(!found.trees.isEmpty() && found.trees.size() == found.weights.length, "a tree has no weight, or there is none");
    return found;
  }

  /** Returns MLlib's nodes. */
  List<Node> roots() {
    List<Node> roots = new ArrayList<>();
    for (Tree tree : trees) {
      require(tree.feature != null && tree.threshold != null && tree.right != null && tree.stats != null, "a part is absent");
      roots.add(tree.root(kind, absent.length));
    }
    return roots;
  }

  static MllibTrees of(Kind kind, List<Double> absent, double[] weights, Iterator<Node> roots) {
    List<Tree> trees = new ArrayList<>();
    roots.forEachRemaining(root -> trees.add(tree(kind, root)));
    return new MllibTrees(kind, absent.stream().mapToDouble(Double::doubleValue).toArray(), weights, trees);
  }

  String json() {
    try {
      return Manifest.JSON.writeValueAsString(this);
    } catch (JsonProcessingException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  private static Tree tree(Kind kind, Node root) {
    List<Node> nodes = new ArrayList<>();
    Deque<Node> open = new ArrayDeque<>(List.of(root));
    while (!open.isEmpty()) {
      Node node = open.pop();
      nodes.add(node);
      if (node instanceof InternalNode inner) {
        open.push(inner.rightChild());
        open.push(inner.leftChild());
      }
    }
    int[] feature = new int[nodes.size()];
    double[] threshold = new double[feature.length];
    int[] right = new int[feature.length];
    double[][] stats = new double[feature.length][0];
    int[] size = new int[feature.length];
    for (int i = feature.length - 1; i >= 0; i--) {
      if (nodes.get(i) instanceof InternalNode inner) {
        ContinuousSplit split = (ContinuousSplit) inner.split();
        feature[i] = split.featureIndex();
        threshold[i] = split.threshold();
        right[i] = i + 1 + size[i + 1];
        size[i] = 1 + size[i + 1] + size[right[i]];
      } else {
        feature[i] = -1;
        threshold[i] = nodes.get(i).prediction();
        stats[i] = kind == Kind.GBT ? stats[i] : nodes.get(i).impurityStats().stats();
        size[i] = 1;
      }
    }
    return new Tree(feature, threshold, right, stats);
  }

  private static ImpurityCalculator calculator(Kind kind, double[] stats) {
    return kind == Kind.GBT ? new VarianceCalculator(new double[3], 0) : new GiniCalculator(stats, 0);
  }

  private static void require(boolean good, String otherwise) {
    if (!good) {
      throw new IllegalArgumentException("its trees cannot be used: " + otherwise);
    }
  }
}
