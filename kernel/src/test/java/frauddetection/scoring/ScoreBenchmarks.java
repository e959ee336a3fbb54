package frauddetection.scoring;

import frauddetection.Benchmarks;
import java.util.Arrays;
import java.util.Locale;
import java.util.Random;
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
 * <p>A tenth of all values is absent.
 */
@State(Scope.Thread)
public class ScoreBenchmarks {
  private static final int FEATURES = 44;
  private static final int ROWS = 2_000;

  private final Random random = new Random(7);
  private final double[][] rows = new double[ROWS][FEATURES];
  private Model model;
  private int next;

  @Param({"logistic regression, double", "200 trees of depth 6", "100 trees of depth 20"})
  String kind;

  @Param({"ONNX Runtime", "flat arrays"})
  String engine;

  /** Prints the table of kernel/README.md. */
  public static void main(String[] arguments) throws RunnerException {
    System.out.println("| model | engine | call | ns/row | ± | rows/s |");
    System.out.println("|---|---|---|---|---|---|");
    for (RunResult found : Benchmarks.run(ScoreBenchmarks.class)) {
      String name = found.getParams().getBenchmark();
      double nanoseconds = found.getPrimaryResult().getScore();
      System.out.printf(Locale.ROOT, "| %s | %s | %s | %s | %,.0f |%n", found.getParams().getParam("kind"),
          found.getParams().getParam("engine"), name.substring(name.lastIndexOf('.') + 1), Benchmarks.score(found), 1e9 / nanoseconds);
    }
  }

  /** Makes the rows and the model; a regression is no trees, and ONNX Runtime's twice. */
  @Setup
  public void load() {
    for (double[] row : rows) {
      Arrays.setAll(row, i -> random.nextInt(10) == 0 ? Double.NaN : Math.exp(random.nextGaussian()));
    }
    byte[] onnx = kind.startsWith("logistic")
        ? Onnx.logistic(Onnx.DOUBLE, Onnx.Output.TWO, 0, random.doubles(FEATURES, -1, 1).toArray())
        : Onnx.trees(FEATURES, kind.startsWith("200") ? Forest.grow(random, rows, 200, 6) : Forest.grow(random, rows, 100, 20));
    OnnxModel runtime = new OnnxModel(onnx, FEATURES);
    model = engine.equals("ONNX Runtime") ? runtime : OnnxTrees.orElse(runtime, onnx, FEATURES);
  }

  /** As the detector scores. */
  @Benchmark
  public double oneRow() {
    next = (next + 1) % ROWS;
    return model.score(rows[next]);
  }

  /** As an alert is explained: a row, and one for each feature. */
  @Benchmark
  public double[] explanation() {
    next = (next + 1) % ROWS;
    double[][] changed = new double[FEATURES + 1][];
    Arrays.setAll(changed, i -> rows[next].clone());
    for (int i = 0; i < FEATURES; i++) {
      changed[i][i] = 1;
    }
    return model.scores(changed);
  }

  /** What a call of many rows would cost for each. */
  @Benchmark
  @OperationsPerInvocation(256)
  public double[] rows256() {
    next = (next + 256) % (ROWS - 256);
    return model.scores(Arrays.copyOfRange(rows, next, next + 256));
  }
}
