package frauddetection.scoring;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.DoubleUnaryOperator;

/**
 * Trees over flat arrays. All go down a level at a time: no step waits for that of another tree, and none is a branch, which no processor
 * could foresee; a leaf leads to itself (N. Asadi, J. Lin, A. P. de Vries: Runtime Optimizations for Tree-Based Machine Learning Models,
 * 2014). Numbers are as in ONNX Runtime: values and limits are floats, and leaves are added up as floats in the order of the trees.
 *
 * @param width how many features there are
 * @param absent what stands for each of them where it is absent; null where nothing does
 * @param nodes of all trees, each made by {@link #node} or {@link #leaf}
 * @param weights of those nodes that are leaves
 * @param roots of the trees, by number
 * @param depth of the deepest
 * @param steps from the sum of the leaves to the score, each rounded to a float
 */
record FlatTrees(int width, float[] absent, long[] nodes, float[] weights, int[] roots, int depth, List<DoubleUnaryOperator> steps)
    implements Model {
  static final int MOST_NODES = 1 << 22;
  static final int MOST_FEATURES = 1 << 9;
  private static final int CHILD_BITS = 22;
  private static final int PROBES = 500;
  private static final double TOLERANCE = 1e-6;

  /** Returns a node: values up to its limit, both as {@link #ordered} has them, go to the child, all others to the node after it. */
  static long node(int limit, int feature, int child) {
    return (long) limit << Integer.SIZE | (long) feature << CHILD_BITS | child;
  }

  /** Returns the node of this number as a leaf. */
  static long leaf(int number) {
    return node(Integer.MAX_VALUE, 0, number);
  }

  /** Returns an integer that is to other such integers as the float is to other floats; both zeros are one. */
  static int ordered(float value) {
    return flip(Float.floatToIntBits(value + 0.0f));
  }

  private static int flip(int bits) {
    return bits ^ bits >> Integer.SIZE - 1 & Integer.MAX_VALUE;
  }

  @Override
  public double score(double[] row) {
    int[] values = values(row);
    int[] at = roots.clone();
    for (int level = 0; level < depth; level++) {
      for (int tree = 0; tree < at.length; tree++) {
        at[tree] = below(nodes[at[tree]], values);
      }
    }
    float score = 0;
    for (int leaf : at) {
      score += weights[leaf];
    }
    for (DoubleUnaryOperator step : steps) {
      score = (float) step.applyAsDouble(score);
    }
    return score;
  }

  @Override
  public double[] scores(double[][] rows) {
    return Arrays.stream(rows).mapToDouble(this::score).toArray();
  }

  private static int below(long node, int[] values) {
    return ((int) node & MOST_NODES - 1) + (int) ((node >> Integer.SIZE) - values[(int) node >>> CHILD_BITS] >>> Long.SIZE - 1);
  }

  /** Returns the features twice: an absent one is more than any limit in the first half, less in the other, whichever a node asks. */
  private int[] values(double[] row) {
    int[] values = new int[2 * width];
    for (int i = 0; i < width; i++) {
      float value = absent != null && Double.isNaN(row[i]) ? absent[i] : (float) row[i];
      values[i] = Float.isNaN(value) ? Integer.MAX_VALUE : ordered(value);
      values[width + i] = Float.isNaN(value) ? Integer.MIN_VALUE : values[i];
    }
    return values;
  }

  /** Returns whether another engine gives the same scores of rows whose values are limits, next to limits, or absent. */
  boolean agreesWith(Model other) {
    Random random = new Random(PROBES);
    double[][] rows = new double[PROBES][width];
    for (double[] row : rows) {
      Arrays.fill(row, Double.NaN);
      for (int i = 0; i < 4 * width; i++) {
        long node = nodes[random.nextInt(nodes.length)];
        float near = Float.intBitsToFloat(flip((int) (node >> Integer.SIZE) + random.nextInt(2)));
        row[((int) node >>> CHILD_BITS) % width] = random.nextInt(10) == 0 ? Double.NaN : near;
      }
    }
    double[] found = scores(rows);
    double[] expected = other.scores(rows);
    for (int i = 0; i < PROBES; i++) {
      if (Double.compare(found[i], expected[i]) != 0 && !(Math.abs(found[i] - expected[i]) <= TOLERANCE)) {
        return false;
      }
    }
    return true;
  }
}
