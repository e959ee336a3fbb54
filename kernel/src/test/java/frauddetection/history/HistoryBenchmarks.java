package frauddetection.history;

import frauddetection.Benchmarks;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import java.util.Random;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.RunnerException;

/**
 * Nanoseconds an event, by events a key, with JMH: `mvn -q test-compile exec:exec`.
 *
 * <p>The plan is a card's or terminal's: thirty aggregations in five windows. Events come in order, but one of ten is up to a second late;
 * of the stated number in the longest window, each with an id of 11 bytes and one of so many terminals.
 */
@State(Scope.Thread)
public class HistoryBenchmarks {
  private static final long MINUTE = 60_000_000L;
  private static final long MONTH = 30 * 24 * 60 * MINUTE;
  private static final int COUNTED = 2_000;
  private static final long YEARS = 1_000 * 12 * MONTH;

  private final Plan plan = plan();
  private final double[] out = new double[plan.size()];
  private final Random random = new Random(7);
  private final long[] values = new long[2];
  private MapPages[] pages;
  private KeyHistory history;
  private long gap;
  private int terminals;
  private long number;

  /** Keys, events a key, terminals. */
  @Param({"1 10 10", "1 100 100", "1 350 350", "1 1000 1000", "1 10000 1000", "1 100000 1000", "1 100000 50000", "5000 200 200"})
  String population;

  /** Prints the table of kernel/README.md. */
  public static void main(String[] arguments) throws RunnerException {
    System.out.println("| keys | events a key | terminals | mode | ns/event | ± | pages read | pages written | bytes written | bytes/key |");
    System.out.println("|---|---|---|---|---|---|---|---|---|---|");
    for (RunResult found : Benchmarks.run(HistoryBenchmarks.class)) {
      boolean reads = found.getParams().getBenchmark().endsWith("reload");
      HistoryBenchmarks one = new HistoryBenchmarks();
      one.population = found.getParams().getParam("population");
      if (!reads && one.population.startsWith("5000")) {
        continue; // the next key is another one: nothing is kept
      }
      System.out.printf(Locale.ROOT, "| %s | %s | %s | %s |%n", one.population.replace(" ", " | "),
          reads ? "read and written each event" : "cached", Benchmarks.score(found), one.counts(reads));
    }
  }

  static Plan plan() {
    StringBuilder json = new StringBuilder();
    long[] windows = {10 * MINUTE, 60 * MINUTE, 24 * 60 * MINUTE, 7 * 24 * 60 * MINUTE, MONTH};
    String[][] kinds = {{"COUNT", "null", "null"}, {"SUM", "0", "null"}, {"AVERAGE", "0", "null"},
      {"UNIQUE_COUNT", "1", "null"}, {"COUNT_SAME", "1", "null"}, {"COUNT", "null", "0"}};
    for (String[] kind : kinds) {
      for (long window : windows) {
        json.append(json.isEmpty() ? "" : ",").append("""
            {"name": "%s %s %d", "operation": "%s", "of": "transaction", "value": %s, "where": %s, "window": %d, "delay": 0}"""
            .formatted(kind[0], kind[2], window, kind[0], kind[1], kind[2], window));
      }
    }
    return Plan.parse("""
        {"key": "card_id", "values": [{"name": "amount", "type": "fixed", "scale": 2},
        {"name": "terminal_id", "type": "hash"}], "retention": 2592000000000, "aggregations": [""" + json + "]}");
  }

  /** Fills the windows. */
  @Setup
  public void fill() {
    int[] sizes = Arrays.stream(population.split(" ")).mapToInt(Integer::parseInt).toArray();
    pages = new MapPages[sizes[0]];
    Arrays.setAll(pages, i -> new MapPages());
    gap = MONTH / sizes[1] / sizes[0];
    terminals = sizes[2];
    history = new KeyHistory(plan, pages[0]);
    number = 0;
    int events = sizes[0] * sizes[1] * 5 / 4;
    for (int i = 0; i < events; i++) {
      if (sizes[0] == 1) {
        event();
      } else {
        reload();
      }
    }
    history.flush();
  }

  /** An event of a key that is in memory. */
  @Benchmark
  public double cached() {
    return event();
  }

  /** The same of a key that is read from its pages, and written back. */
  @Benchmark
  public double reload() {
    history = new KeyHistory(plan, pages[(int) (number % pages.length)]);
    double first = event();
    history.flush();
    return first;
  }

  private double event() {
    if (number * gap > YEARS) { // where windows hold few, days go by from event to event
      fill();
    }
    number++;
    long time = 1_700_000_000_000_000L + number * gap - (random.nextInt(10) == 0 ? random.nextInt(1_000_000) : 0);
    values[0] = 100 + random.nextInt(10_000);
    values[1] = random.nextInt(terminals) * 0x9E3779B97F4A7C15L;
    byte[] id = ("T" + (1_000_000_000L + number)).getBytes(StandardCharsets.ISO_8859_1);
    history.transaction(time, id, random.nextInt(20) == 0 ? 1 : 0, values, 0, out);
    return out[0];
  }

  /** Returns, for one event, pages read, pages written, bytes written; and bytes a key. */
  private String counts(boolean reads) {
    fill();
    Arrays.stream(pages).forEach(one -> one.reads = one.writes = one.bytesWritten = 0);
    for (int i = 0; i < COUNTED; i++) {
      if (reads) {
        reload();
      } else {
        event();
      }
    }
    double[] sums = new double[3];
    for (MapPages one : pages) {
      sums[0] += one.reads;
      sums[1] += one.writes;
      sums[2] += one.bytesWritten;
    }
    history.flush();
    long bytes = Arrays.stream(pages).mapToLong(MapPages::bytes).sum();
    return "%.1f | %.1f | %,.0f | %,d".formatted(sums[0] / COUNTED, sums[1] / COUNTED, sums[2] / COUNTED, bytes / pages.length);
  }
}
