package frauddetection.history;

import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import java.util.Random;

/**
 * Nanoseconds and bytes an event, by events a key: `mvn -q test-compile exec:java`.
 *
 * <p>A plain main, since a state with its history is what must be warm, not a method: a line is the median of five
 * rounds' processor time on one thread, after a round that does not count. Collecting garbage and compiling are not in it. The plan is a card's or terminal's: thirty aggregations in
 * five windows. Events come in order, but one of ten is up to a second late; of the stated number in the longest window,
 * each with an id of 11 bytes and one of `spread` terminals.
 */
public final class HistoryBenchmarks {
  private static final long MINUTE = 60_000_000L;
  private static final long MONTH = 30 * 24 * 60 * MINUTE;
  private static final int ROUND = 100_000;

  private final Plan plan = plan();
  private final double[] out = new double[plan.size()];
  private final Random random = new Random(7);
  private long number;
  private double sink;

  public static void main(String[] arguments) {
    HistoryBenchmarks all = new HistoryBenchmarks();
    PrintStream table = System.out;
    System.setOut(new PrintStream(OutputStream.nullOutputStream()));
    for (boolean reload : new boolean[] {false, true}) { // what is not yet compiled is not what is measured
      all.oneKey(100, 100, reload);
      all.oneKey(10_000, 1_000, reload);
    }
    System.setOut(table);
    System.out.println("| events a key | terminals | mode | ns/event | pages read | pages written | bytes written | bytes/key | bytes/event kept |");
    System.out.println("|---|---|---|---|---|---|---|---|---|");
    for (boolean reload : new boolean[] {false, true}) {
      for (int population : new int[] {10, 60, 100, 350, 1_000, 10_000, 100_000}) {
        all.oneKey(population, Math.min(population, 1_000), reload);
      }
      all.oneKey(100_000, 50_000, reload);
    }
    all.manyKeys(200);
    if (all.sink == 42) {
      System.out.println();
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
        {"name": "terminal_id", "type": "hash"}], "aggregations": [""" + json + "]}");
  }

  private void oneKey(int population, int spread, boolean reload) {
    MapPages pages = new MapPages();
    KeyHistory history = new KeyHistory(plan, pages);
    long gap = MONTH / population;
    number = 0;
    for (int i = 0; i < population * 5 / 4; i++) {
      event(history, gap, spread);
    }
    history.flush();
    int round = reload ? ROUND / 10 : ROUND;
    double[] nanoseconds = new double[5];
    for (int measured = -1; measured < 5; measured++) {
      pages.reads = pages.writes = pages.bytesWritten = 0;
      long start = cpu();
      for (int i = 0; i < round; i++) {
        if (reload) {
          history = new KeyHistory(plan, pages);
        }
        event(history, gap, spread);
        if (reload) {
          history.flush();
        }
      }
      nanoseconds[Math.max(0, measured)] = (cpu() - start) / (double) round;
    }
    double[] counts = {pages.reads, pages.writes, pages.bytesWritten};
    history.flush();
    Arrays.sort(nanoseconds);
    System.out.printf(Locale.ROOT, "| %,d | %,d | %s | %,.0f | %.1f | %.1f | %,.0f | %,d | %.0f |%n", population, spread,
        reload ? "read and written each event" : "cached", nanoseconds[2], counts[0] / round, counts[1] / round,
        counts[2] / round, pages.bytes(), pages.bytes() / (double) population);
  }

  /** Round robin over keys, each read from its page and written back: what a micro-batch of strangers costs. */
  private void manyKeys(int population) {
    int keys = 5_000;
    MapPages[] pages = new MapPages[keys];
    long gap = MONTH / population / keys;
    number = 0;
    double nanoseconds = 0;
    for (int round = 0; round < population * 5 / 4; round++) {
      long start = cpu();
      for (int key = 0; key < keys; key++) {
        pages[key] = round == 0 ? new MapPages() : pages[key];
        KeyHistory history = new KeyHistory(plan, pages[key]);
        event(history, gap, population);
        history.flush();
      }
      nanoseconds = (cpu() - start) / (double) keys;
    }
    long bytes = Arrays.stream(pages).mapToLong(MapPages::bytes).sum();
    System.out.printf(Locale.ROOT, "| %,d of %,d keys | %,d | read and written each event | %,.0f | 1.0 | 1.0 | %,d | %,d | %.0f |%n",
        population, keys, population, nanoseconds, bytes / keys, bytes / keys, bytes / (double) keys / population);
  }

  // Processor time: the machine may be shared.
  private static long cpu() {
    return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
  }

  private final long[] values = new long[2];

  private void event(KeyHistory history, long gap, int spread) {
    number++;
    long time = 1_700_000_000_000_000L + number * gap - (random.nextInt(10) == 0 ? random.nextInt(1_000_000) : 0);
    values[0] = 100 + random.nextInt(10_000);
    values[1] = random.nextInt(spread) * 0x9E3779B97F4A7C15L;
    byte[] id = ("T" + (1_000_000_000L + number)).getBytes(StandardCharsets.ISO_8859_1);
    history.transaction(time, id, random.nextInt(20) == 0 ? 1 : 0, values, 0, out);
    sink += out[0];
  }
}
