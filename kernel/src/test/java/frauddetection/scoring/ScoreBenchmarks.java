package frauddetection.scoring;

import frauddetection.Benchmarks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.stream.IntStream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.RunnerException;

/**
 * What a score costs, with JMH: {@code mvn -q test-compile exec:exec -Dbenchmarks=frauddetection.scoring.ScoreBenchmarks}.
 *
 * <p>Trees are not trained: they are grown by splits at random between random rows, so that no branch can be foreseen. A tenth of all
 * values is absent.
 */
@State(Scope.Thread)
public class ScoreBenchmarks {
  private static final int FEATURES = 44;
  private static final int ROWS = 2_000;

  private final Random random = new Random(7);
  private final double[][] rows = new double[ROWS][FEATURES];
  private Bundle bundle;
  private OnnxModel model;
  private int next;

  @Param({"logistic regression, double", "200 trees of depth 6", "100 trees of depth 20"})
  String kind;

  /** Prints the table of kernel/README.md. */
  public static void main(String[] arguments) throws RunnerException {
    System.out.println("| model | call | ns/row | ± | rows/s |");
    System.out.println("|---|---|---|---|---|");
    for (RunResult found : Benchmarks.run(ScoreBenchmarks.class)) {
      String name = found.getParams().getBenchmark();
      double nanoseconds = found.getPrimaryResult().getScore();
      System.out.printf(Locale.ROOT, "| %s | %s | %s | %,.0f |%n", found.getParams().getParam("kind"),
          name.substring(name.lastIndexOf('.') + 1), Benchmarks.score(found), 1e9 / nanoseconds);
    }
  }

  /** Makes the model and the rows. */
  @Setup
  public void load() throws IOException {
    for (double[] row : rows) {
      Arrays.setAll(row, i -> random.nextInt(10) == 0 ? Double.NaN : Math.exp(random.nextGaussian()));
    }
    byte[] onnx = kind.startsWith("logistic")
        ? Onnx.logistic(Onnx.DOUBLE, Onnx.Output.TWO, 0, random.doubles(FEATURES, -1, 1).toArray())
        : Onnx.trees(FEATURES, kind.startsWith("200") ? grow(200, 6) : grow(100, 20));
    List<String> columns = IntStream.range(0, FEATURES).mapToObj(i -> "f" + i).toList();
    Path folder = Files.createTempDirectory("benchmarks");
    String version = new TestStore(folder).add(onnx, manifest -> {
      manifest.set("features", Manifest.JSON.valueToTree(columns));
      manifest.set("usual", Manifest.JSON.valueToTree(columns.stream().map(column -> 1.0).toList()));
    });
    bundle = Bundle.load(folder.toString(), version, columns.toArray(String[]::new), TestStore.FEATURE_SET);
    model = new OnnxModel(onnx, FEATURES);
  }

  /** As the detector scores: one row a call. */
  @Benchmark
  public double oneRow() {
    next = (next + 1) % ROWS;
    return bundle.score(rows[next]);
  }

  /** The reasons of an alert. */
  @Benchmark
  public List<Contribution> explanation() {
    next = (next + 1) % ROWS;
    return bundle.explain(rows[next]);
  }

  /** What a call of many rows would cost for each. */
  @Benchmark
  @OperationsPerInvocation(256)
  public double[] rows256() {
    next = (next + 256) % (ROWS - 256);
    return model.scores(Arrays.copyOfRange(rows, next, next + 256));
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
}
