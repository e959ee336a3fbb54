package frauddetection;

import java.util.Collection;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/** How all benchmarks of the kernel are run: each set of parameters in a JVM of its own, on one thread. */
public final class Benchmarks {
  private static final int WARM_UP = 3;
  private static final TimeValue WARM_UP_TIME = TimeValue.seconds(2);
  private static final int MEASURED = 5;
  private static final TimeValue MEASURED_TIME = TimeValue.seconds(1);

  private Benchmarks() {}

  /** Returns the nanoseconds of each benchmark of the class, for each set of its parameters. */
  public static Collection<RunResult> run(Class<?> benchmarks) throws RunnerException {
    return new Runner(
            new OptionsBuilder()
                .include(benchmarks.getName())
                .mode(Mode.AverageTime)
                .timeUnit(TimeUnit.NANOSECONDS)
                .forks(1)
                .warmupIterations(WARM_UP)
                .warmupTime(WARM_UP_TIME)
                .measurementIterations(MEASURED)
                .measurementTime(MEASURED_TIME)
                .jvmArgs("-Xmx2g", "-XX:+UseSerialGC")
                .shouldFailOnError(true)
                .verbosity(VerboseMode.SILENT)
                .build())
        .run();
  }

  /** Returns mean and error (99.9 % confidence) as two cells of a table. */
  public static String score(RunResult found) {
    return "%,.0f | %,.0f".formatted(found.getPrimaryResult().getScore(), found.getPrimaryResult().getScoreError());
  }
}
