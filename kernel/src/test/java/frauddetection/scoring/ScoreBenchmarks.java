package frauddetection.scoring;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.stream.IntStream;

/**
 * What a score costs: {@code mvn -q test-compile exec:java -Dbenchmarks=frauddetection.scoring.ScoreBenchmarks}.
 *
 * <p>A line is the median of five rounds' processor time on one thread, after a round that does not count. Trees are not trained: they
 * are grown by splits at random between random rows, so that no branch can be foreseen. A tenth of all values is absent.
 */
public final class ScoreBenchmarks {
  private static final int FEATURES = 44;
  private static final int ROWS = 2_000;
  private static final long ROUND = 1_000_000_000L;
  private static final int EXPLAINED = -1;

  private final Random random = new Random(7);
  private final double[][] rows = new double[ROWS][FEATURES];
  private double sink;

  public static void main(String[] arguments) throws IOException {
    ScoreBenchmarks all = new ScoreBenchmarks();
    System.out.println("| model | nodes | MB | rows a call | µs/row | rows/s |");
    System.out.println("|---|---|---|---|---|---|");
    double[] weights = all.random.doubles(FEATURES, -1, 1).toArray();
    all.table("logistic regression, double", 0, Onnx.logistic(Onnx.DOUBLE, Onnx.Output.TWO, 0, weights));
    Onnx.Forest boosted = all.grow(200, 6);
    all.table("200 trees of depth 6", boosted.nodes.size(), Onnx.trees(FEATURES, boosted));
    Onnx.Forest deep = all.grow(100, 20);
    all.table("100 trees of depth 20", deep.nodes.size(), Onnx.trees(FEATURES, deep));
    if (all.sink == 42) {
      System.out.println();
    }
  }

  private ScoreBenchmarks() {
    for (double[] row : rows) {
      Arrays.setAll(row, i -> random.nextInt(10) == 0 ? Double.NaN : Math.exp(random.nextGaussian()));
    }
  }

  private void table(String name, int nodes, byte[] onnx) throws IOException {
    Bundle bundle = bundle(onnx);
    OnnxModel model = new OnnxModel(onnx, FEATURES);
    for (int size : new int[] {1, 16, 256, 1_000, EXPLAINED}) {
      double[] micros = new double[5];
      for (int round = -1; round < micros.length; round++) {
        micros[Math.max(0, round)] = round(size, bundle, model);
      }
      Arrays.sort(micros);
      String call = size == EXPLAINED ? "an explanation" : "%,d".formatted(size);
      System.out.printf(Locale.ROOT, "| %s | %,d | %.1f | %s | %.2f | %,.0f |%n",
          name, nodes, onnx.length / 1e6, call, micros[2], 1e6 / micros[2]);
    }
  }

  private double round(int size, Bundle bundle, OnnxModel model) {
    int scored = 0;
    long start = cpu();
    while (cpu() - start < ROUND) {
      if (size == EXPLAINED) {
        sink += bundle.explain(rows[scored++ % ROWS]).size();
      } else if (size == 1) {
        for (int i = 0; i < ROWS; i++) {
          sink += bundle.score(rows[i]);
        }
        scored += ROWS;
      } else {
        int from = scored % (ROWS - size + 1);
        sink += model.scores(Arrays.copyOfRange(rows, from, from + size))[0];
        scored += size;
      }
    }
    return (cpu() - start) / 1e3 / scored;
  }

  private static Bundle bundle(byte[] onnx) throws IOException {
    Path folder = Files.createTempDirectory("benchmarks");
    List<String> columns = IntStream.range(0, FEATURES).mapToObj(i -> "f" + i).toList();
    String version = new TestStore(folder).add(onnx, manifest -> {
      manifest.set("features", Manifest.JSON.valueToTree(columns));
      manifest.set("usual", Manifest.JSON.valueToTree(columns.stream().map(column -> 1.0).toList()));
    });
    return Bundle.load(folder.toString(), version, columns.toArray(String[]::new), TestStore.FEATURE_SET);
  }

  private Onnx.Forest grow(int trees, int depth) {
    Onnx.Forest forest = new Onnx.Forest();
    for (long tree = 0; tree < trees; tree++) {
      node(forest, tree, new long[1], IntStream.range(0, ROWS).toArray(), depth);
    }
    return forest;
  }

  /** Grows a node and all below it, out of these rows; returns its number. */
  private long node(Onnx.Forest forest, long tree, long[] next, int[] within, int depth) {
    long number = next[0]++;
    int feature = random.nextInt(FEATURES);
    double threshold = rows[within[random.nextInt(within.length)]][feature];
    int[] below = Arrays.stream(within).filter(row -> rows[row][feature] < threshold).toArray();
    int[] above = Arrays.stream(within).filter(row -> !(rows[row][feature] < threshold)).toArray();
    boolean leaf = depth == 0 || below.length == 0;
    int place = forest.nodes.size();
    forest.trees.add(tree);
    forest.nodes.add(number);
    forest.features.add((long) feature);
    forest.thresholds.add(leaf ? 0 : threshold);
    forest.missing.add(0L);
    forest.modes.add(leaf ? "LEAF" : "BRANCH_LT");
    forest.below.add(0L);
    forest.above.add(0L);
    if (leaf) {
      forest.leafTrees.add(tree);
      forest.leaves.add(number);
      forest.weights.add(random.nextGaussian() / 10);
    } else {
      forest.below.set(place, node(forest, tree, next, below, depth - 1));
      forest.above.set(place, node(forest, tree, next, above, depth - 1));
    }
    return number;
  }

  // Processor time: the machine may be shared.
  private static long cpu() {
    return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
  }
}
