package frauddetection.scoring;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Trees read from ONNX files, against ONNX Runtime; trained ones are in tests/spark/test_scoring.py. */
class OnnxTreesTest {
  private static final int WIDTH = 12;
  private static final double TOLERANCE = 1e-6;
  private static final double[] ABSENT = IntStream.range(0, WIDTH).mapToDouble(i -> i % 2 == 0 ? -1e9 : 3).toArray();
  private static final double[] ODD =
      {0.0, -0.0, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, 1e300, Float.MIN_VALUE, -Float.MAX_VALUE};
  private static final double[][] ROWS = rows(100_000);

  /** Amounts, counts that equal thresholds, numbers at the ends of what a float can be; a tenth is absent. */
  private static double[][] rows(int count) {
    Random random = new Random(7);
    double[][] rows = new double[count][WIDTH];
    for (double[] row : rows) {
      Arrays.setAll(row, i -> i < 6 ? Math.exp(random.nextGaussian()) : random.nextInt(5) - 2);
      Arrays.setAll(row, i -> random.nextInt(50) == 0 ? ODD[random.nextInt(ODD.length)] : row[i]);
      Arrays.setAll(row, i -> random.nextInt(10) == 0 ? Double.NaN : row[i]);
    }
    return rows;
  }

  private static Forest forest(String transform, Double... base) {
    Forest forest = Forest.grow(new Random(7), Arrays.copyOf(ROWS, 500), 20, 6);
    forest.transform = transform;
    forest.base.addAll(Arrays.asList(base));
    return forest;
  }

  private static Forest positive() {
    Forest forest = forest("LOGISTIC");
    forest.weights.replaceAll(Math::abs);
    return forest;
  }

  static Stream<Arguments> models() {
    return Stream.of(
        Arguments.of("as of XGBoost", Onnx.trees(WIDTH, forest("LOGISTIC"))),
        Arguments.of("as of XGBoost, with a base", Onnx.trees(WIDTH, forest("LOGISTIC", -0.7))),
        Arguments.of("as of XGBoost, no leaf below 0", Onnx.trees(WIDTH, positive())),
        Arguments.of("as of a random forest", Onnx.trees(WIDTH, forest("NONE"), ABSENT)),
        Arguments.of("as of an isolation forest", Onnx.depths(WIDTH, forest("NONE"), ABSENT)),
        Arguments.of("as of a regressor, with a base", Onnx.depths(WIDTH, forest("NONE", 0.3))));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("models")
  void aHundredThousandRowsHaveOnnxRuntimesScores(String name, byte[] onnx) {
    OnnxModel runtime = new OnnxModel(onnx, WIDTH);
    Model trees = OnnxTrees.orElse(runtime, onnx, WIDTH);
    assertInstanceOf(FlatTrees.class, trees);
    assertArrayEquals(runtime.scores(ROWS), trees.scores(ROWS), TOLERANCE);
  }

  /** What makes of trees something that they may not be, or that ONNX Runtime may see otherwise. */
  static Stream<Arguments> oddities() {
    return Stream.of(
        odd("a circle", one -> one.below.set(0, 0L)),
        odd("one child of two parents", one -> one.below.set(0, one.above.get(0))),
        odd("a child that is not there", one -> one.below.set(0, 99L)),
        odd("a node that nothing leads to", one -> one.leaf(one.trees.get(one.trees.size() - 1), 99, 0.1)),
        odd("a node twice", one -> one.nodes.set(1, one.nodes.get(0))),
        odd("a leaf without weight", one -> one.leaves.set(0, 99L)),
        odd("two weights of a leaf", one -> one.weigh(0, one.leaves.get(0), 0.1)),
        odd("a weight of a branch", one -> one.modes.set(one.modes.indexOf("LEAF"), "BRANCH_LT")),
        odd("no number as threshold", one -> one.thresholds.set(0, Double.NaN)),
        odd("another comparison", one -> one.modes.set(0, "BRANCH_GT")),
        odd("a feature too many", one -> one.features.set(0, (long) WIDTH)),
        odd("a feature before the first", one -> one.features.set(0, -1L)),
        odd("neither below nor above", one -> one.missing.set(0, 2L)),
        odd("leaves of both classes", one -> one.classes.set(0, 1L)),
        odd("a base for each class", one -> one.base.addAll(Arrays.asList(0.1, 0.2))),
        odd("a base of another type", OnnxTreesTest::rebase),
        odd("another function", one -> one.transform = "SOFTMAX"),
        odd("no tree", one -> Stream.of(one.trees, one.nodes, one.leafTrees, one.leaves).forEach(List::clear)),
        odd("a tree too deep", OnnxTreesTest::deepen));
  }

  private static Arguments odd(String name, Consumer<Forest> oddity) {
    return Arguments.of(name, oddity);
  }

  private static void rebase(Forest forest) {
    forest.base.add(0.1);
    forest.baseName = "base_values_as_tensor";
  }

  private static void deepen(Forest forest) {
    int depth = 33;
    for (long level = 0; level < depth; level++) {
      int place = forest.branch(1_000, 2 * level, 0, level, "BRANCH_LT", 0);
      forest.leaf(1_000, 2 * level + 1, 0.1);
      forest.below.set(place, 2 * level + 1);
      forest.above.set(place, 2 * level + 2);
    }
    forest.leaf(1_000, 2 * depth, 0.1);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("oddities")
  void whatIsNotSurelyTreesIsLeftToOnnxRuntime(String name, Consumer<Forest> oddity) {
    Forest forest = forest("LOGISTIC");
    oddity.accept(forest);
    assertLeft(Onnx.trees(WIDTH, forest), WIDTH);
  }

  @Test
  void anotherGraphIsLeftToOnnxRuntime() {
    byte[] trees = Onnx.trees(2, Forest.grow(new Random(7), new double[][] {{1, 2}, {3, 4}}, 1, 1));
    byte[] function = new Protobuf().message(25, new Protobuf().text(1, "TreeEnsembleClassifier")).bytes();
    byte[] both = Arrays.copyOf(trees, trees.length + function.length);
    System.arraycopy(function, 0, both, trees.length, function.length);
    assertLeft(both, 2);
    assertLeft(Onnx.logistic(Onnx.FLOAT, Onnx.Output.ONE, 0, 1, 2), 2);
    assertLeft(Onnx.cast(Onnx.FLOAT, -1, 2, Onnx.DOUBLE), 2);
    assertLeft("no model at all".getBytes(StandardCharsets.UTF_8), 2);
  }

  private static void assertLeft(byte[] onnx, int width) {
    Model runtime = scored(rows -> {
      throw new AssertionError("the trees were taken for good");
    });
    assertSame(runtime, OnnxTrees.orElse(runtime, onnx, width));
  }

  @Test
  void whateverByteOfAFileIsAnotherTheScoresAreOnnxRuntimes() {
    double[][] rows = Arrays.copyOf(ROWS, 200);
    byte[] onnx = Onnx.depths(WIDTH, Forest.grow(new Random(7), Arrays.copyOf(ROWS, 100), 3, 2), ABSENT);
    Random random = new Random(7);
    int[] found = new int[2];
    for (int i = 0; i < 2 * onnx.length; i++) {
      byte[] changed = i < onnx.length ? Arrays.copyOf(onnx, i) : onnx.clone();
      if (i >= onnx.length) {
        changed[i - onnx.length] ^= (byte) (1 + random.nextInt(255));
      }
      try {
        OnnxTrees.read(changed, WIDTH);
      } catch (RuntimeException noTrees) {
        found[0]++;
        continue;
      }
      OnnxModel runtime;
      try {
        runtime = new OnnxModel(changed, WIDTH);
      } catch (IllegalArgumentException refused) {
        continue;
      }
      found[1]++;
      assertArrayEquals(runtime.scores(rows), OnnxTrees.orElse(runtime, changed, WIDTH).scores(rows), TOLERANCE);
    }
    assertTrue(found[0] > 100 && found[1] > 100, Arrays.toString(found));
  }

  @Test
  void treesThatScoreOtherwiseThanOnnxRuntimeAreNotUsed() {
    byte[] onnx = Onnx.trees(WIDTH, forest("LOGISTIC"));
    OnnxModel runtime = new OnnxModel(onnx, WIDTH);
    Model near = scored(rows -> Arrays.stream(runtime.scores(rows)).map(score -> score + 1e-7).toArray());
    assertInstanceOf(FlatTrees.class, OnnxTrees.orElse(near, onnx, WIDTH));
    Model far = scored(rows -> Arrays.stream(runtime.scores(rows)).map(score -> score + 2e-6).toArray());
    assertSame(far, OnnxTrees.orElse(far, onnx, WIDTH));
    Model none = scored(rows -> Arrays.stream(runtime.scores(rows)).map(score -> Double.NaN).toArray());
    assertSame(none, OnnxTrees.orElse(none, onnx, WIDTH));
  }

  private static Model scored(Function<double[][], double[]> scores) {
    return new Model() {
      @Override
      public double score(double[] row) {
        return scores(new double[][] {row})[0];
      }

      @Override
      public double[] scores(double[][] rows) {
        return scores.apply(rows);
      }
    };
  }
}
