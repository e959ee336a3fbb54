package frauddetection.history;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.junit.jupiter.api.Test;

class KeyHistoryTest {
  private static final long HOUR = 3_600_000_000L;
  private static final long START = 1_790_000_000_000_000L;

  private static final Plan PLAN = Plan.parse("""
      {"key": "card_id", "values": [{"name": "amount", "type": "fixed", "scale": 2}],
      "retention": 3600000000, "aggregations": [
      {"name": "count_1h", "operation": "COUNT", "of": "transaction", "value": null, "where": null, "window": 3600000000, "delay": 0},
      {"name": "sum_1h", "operation": "SUM", "of": "transaction", "value": 0, "where": null, "window": 3600000000, "delay": 0},
      {"name": "last", "operation": "LAST", "of": "transaction", "value": 0, "where": null, "window": 3600000000, "delay": 0}]}""");

  private static double[] pay(KeyHistory history, long time, String id, long cents) {
    double[] out = new double[PLAN.size()];
    history.transaction(time, id.getBytes(StandardCharsets.UTF_8), 0, new long[] {cents}, 0, out);
    return out;
  }

  @Test
  void aWindowIncludesTheCurrentEventAndNotItsOtherEnd() {
    KeyHistory history = new KeyHistory(PLAN, new MapPages());
    assertArrayEquals(new double[] {1, 10.5, Double.NaN}, pay(history, START, "a", 1050));
    assertArrayEquals(new double[] {2, 11.5, 10.5}, pay(history, START + HOUR - 1, "b", 100));
    assertArrayEquals(new double[] {2, 3.0, 1.0}, pay(history, START + HOUR, "c", 200));
  }

  @Test
  void aRepeatGetsTheValuesOfItsPlace() {
    KeyHistory history = new KeyHistory(PLAN, new MapPages());
    double[] first = pay(history, START, "a", 1050);
    pay(history, START + 1, "b", 100);
    assertArrayEquals(first, pay(history, START, "a", 9999));
    assertArrayEquals(new double[] {3, 12.5, 1.0}, pay(history, START + 1, "c", 100));
  }

  @Test
  void aUsualKeyIsOnePageThatIsReadAndWrittenOnce() {
    MapPages pages = new MapPages();
    Plan plan = HistoryBenchmarks.plan();
    Random random = new Random(1);
    for (int i = 0; i < 350; i++) {
      KeyHistory history = new KeyHistory(plan, pages);
      long[] values = {random.nextInt(30_000), random.nextLong()};
      history.transaction(START + i * HOUR, ("T" + (1_000_000_000 + i)).getBytes(StandardCharsets.UTF_8), 0, values, 0,
          new double[plan.size()]);
      history.flush();
      assertEquals(i + 1, pages.reads);
      assertEquals(i + 1, pages.writes);
    }
    assertTrue(pages.bytes() < 350 * 45, "bytes: " + pages.bytes());
  }

  @Test
  void aHotKeyReadsOnlyWhatLiesUnderItsEdgesAndGivesBackWhatItForgets() {
    MapPages pages = new MapPages();
    KeyHistory history = new KeyHistory(PLAN, pages);
    for (int i = 0; i < 30_000; i++) {
      pay(history, START + i * HOUR / 10_000, "T" + (1_000_000 + i), i);
      if (i % 1_000 == 0) {
        history.flush();
      }
    }
    history.flush();
    assertTrue(pages.pages.size() < 2 + 10_000 / 32 + 2, "pages: " + pages.pages.size());
    pages.reads = 0;
    pay(new KeyHistory(PLAN, pages), START + 30_000 * HOUR / 10_000, "T9", 1);
    assertTrue(pages.reads <= 4, "reads: " + pages.reads);
    pages.reads = 0;
    pay(new KeyHistory(PLAN, pages), START + 29_990 * HOUR / 10_000, "T9", 1);
    assertTrue(pages.reads <= 6, "reads of an event that ten others overtook: " + pages.reads);
  }

  @Test
  void aStateOfAnotherPlanIsRefusedByName() {
    MapPages pages = new MapPages();
    KeyHistory history = new KeyHistory(PLAN, pages);
    pay(history, START, "a", 1);
    history.flush();
    Plan other = HistoryBenchmarks.plan();
    Exception error = assertThrows(IllegalStateException.class,
        () -> new KeyHistory(other, pages).profile(START, new long[2], 0));
    assertTrue(error.getMessage().contains(PLAN.hash().substring(0, 16)), error.getMessage());
    assertTrue(error.getMessage().contains(other.hash().substring(0, 16)), error.getMessage());
  }

  @Test
  void aDescriptionSaysWhatTheStateHolds() throws Exception {
    MapPages pages = new MapPages();
    KeyHistory history = new KeyHistory(PLAN, pages);
    pay(history, START, "a", 1050);
    pay(history, START + 1, "b", 100);
    history.flush();
    JsonNode json = new ObjectMapper().readTree(new KeyHistory(PLAN, pages).describe(START + HOUR));
    assertEquals(2, json.at("/transactions/events").asInt());
    assertEquals(START, json.at("/transactions/first_time").asLong());
    assertEquals(START + 1, json.at("/transactions/last_time").asLong());
    assertEquals(1, json.at("/pages").asInt());
    assertEquals(pages.bytes(), json.at("/bytes").asLong());
    assertEquals(1, json.at("/values/count_1h").asInt());
    assertEquals(1.0, json.at("/values/last").asDouble());
    assertTrue(json.at("/labels").isNull());
  }

  @Test
  void valuesAndTimesOutOfRangeAreRefusedAndChangeNothing() {
    KeyHistory history = new KeyHistory(PLAN, new MapPages());
    assertThrows(IllegalArgumentException.class, () -> pay(history, START, "a", 100_000_000_000_000L));
    assertThrows(IllegalArgumentException.class, () -> pay(history, Long.MIN_VALUE, "a", 1));
    assertArrayEquals(new double[] {1, 0.01, Double.NaN}, pay(history, START, "a", 1));
  }

  private static final Plan LABELS = labels(100_000_000_000L);
  private static final long LATER = START + 60_000_000_000L;
  private static final int FRAUD = 1;

  private static double[] sees(KeyHistory history, long time, String id) {
    double[] out = new double[LABELS.size()];
    history.transaction(time, id.getBytes(StandardCharsets.UTF_8), 0, new long[0], 0, out);
    return out;
  }

  private static void label(KeyHistory history, long time, String id, long at, int rank, long mask) {
    history.label(time, id.getBytes(StandardCharsets.UTF_8), at, rank, mask, new long[0], 0);
  }

  @Test
  void theLabelThatBecameKnownLastCountsWhateverCameLast() {
    KeyHistory history = new KeyHistory(LABELS, new MapPages());
    sees(history, START, "a");
    sees(history, START + 10_000_000, "b");
    label(history, START, "a", START + HOUR, 0, 0);
    assertArrayEquals(new double[] {1, 0, Double.NaN, 2}, sees(history, LATER, "now"));
    label(history, START, "a", START + 2 * HOUR, 0, FRAUD);
    assertArrayEquals(new double[] {1, 1, 60_000, 2}, sees(history, LATER, "now"));
    label(history, START, "a", START + HOUR, 9, 0); // that was known before
    assertArrayEquals(new double[] {1, 1, 60_000, 2}, sees(history, LATER, "now"));
    label(history, START, "a", START + 2 * HOUR, 1, 0); // at once, but by somebody who knows better
    assertArrayEquals(new double[] {1, 0, Double.NaN, 2}, sees(history, LATER, "now"));
    label(history, START, "a", START + 2 * HOUR, 1, FRAUD); // the same once more: the first one counts
    assertArrayEquals(new double[] {1, 0, Double.NaN, 2}, sees(history, LATER, "now"));
    label(history, START + 10_000_000, "b", START + HOUR, 0, FRAUD);
    assertArrayEquals(new double[] {2, 1, 59_990, 2}, sees(history, LATER, "now"));
  }

  @Test
  void aLabelCountsOncePerTransactionAndNeverWithoutOne() {
    KeyHistory history = new KeyHistory(LABELS, new MapPages());
    long time = START + 999_999;
    sees(history, time, "a");
    for (long said : new long[] {time, time + 1, time + 2, START, START + 999_000, time + 1_000_000}) {
      label(history, said, "a", START + HOUR + said - START, 0, FRAUD);
    }
    label(history, time, "never paid", START + HOUR, 0, FRAUD);
    label(history, time + 1_000_001, "a", START + 9 * HOUR, 0, 0); // more than a second off
    assertArrayEquals(new double[] {1, 1, 59_999.000001, 1}, sees(history, LATER, "now"));
  }

  @Test
  void aLabelOfAKeyWithoutTransactionsLeavesNothing() {
    MapPages pages = new MapPages();
    KeyHistory history = new KeyHistory(LABELS, pages);
    label(history, START, "a", START, 0, FRAUD);
    history.forgetProfile();
    history.flush();
    assertEquals(0, pages.pages.size());
  }

  @Test
  void aLabelReadsFewChunksWhateverLiesInTheWindows() {
    MapPages pages = new MapPages();
    KeyHistory history = new KeyHistory(LABELS, pages);
    long gap = 1_000_000;
    for (int i = 0; i < 60_000; i++) {
      sees(history, START + i * gap, "T" + i);
      if (i % 1_000 == 0) {
        history.flush();
      }
    }
    history.flush();
    pages.reads = 0;
    label(new KeyHistory(LABELS, pages), START + 9_990 * gap, "T9990", LATER, 0, FRAUD);
    assertTrue(pages.reads <= 5, "reads at an edge: " + pages.reads);
    pages.reads = 0;
    label(new KeyHistory(LABELS, pages), START + 35_000 * gap, "T35000", LATER, 0, FRAUD);
    assertTrue(pages.reads <= 25_000 / 32 + 10, "reads in the middle of a window: " + pages.reads);
  }

  @Test
  void whatIsLeftOfEarlierAmountsIsExact() {
    KeyHistory history = new KeyHistory(PAST, new MapPages());
    assertArrayEquals(new double[] {Double.NaN, 0.15}, past(history, START, "a", 15));
    history = new KeyHistory(PAST, new MapPages());
    for (int i = 0; i < 10; i++) {
      past(history, START + i, "" + i, 0);
    }
    assertArrayEquals(new double[] {0, 0.15}, past(history, START + 20, "a", 15));
    assertArrayEquals(new double[] {15 / 1_100.0, 100_000_000_000_014L / 100.0}, past(history, START + 21, "b", 99_999_999_999_999L));
  }

  @Test
  void noSumOverflows() {
    KeyHistory history = new KeyHistory(PAST, new MapPages());
    int many = 200_000; // of the largest amount: more than 64 bits
    double[] found = {};
    for (int i = 0; i < many; i++) {
      found = past(history, START + i, "" + i, 99_999_999_999_999L);
    }
    assertEquals(many * 999_999_999_999.99, found[1], 64);
    assertEquals(999_999_999_999.99, found[0], 0.001);
    assertArrayEquals(new double[] {Double.NaN, 0.01}, past(history, START + many + HOUR, "last", 1));
  }

  private static final Plan PAST = Plan.parse("""
      {"key": "card_id", "values": [{"name": "amount", "type": "fixed", "scale": 2}], "retention": 3600000000, "aggregations": [
      {"name": "past", "operation": "PAST_AVERAGE", "of": "transaction", "value": 0, "where": null, "window": 3600000000, "delay": 0},
      {"name": "sum", "operation": "SUM", "of": "transaction", "value": 0, "where": null, "window": 3600000000, "delay": 0}]}""");

  private static double[] past(KeyHistory history, long time, String id, long cents) {
    double[] out = new double[PAST.size()];
    history.transaction(time, id.getBytes(StandardCharsets.UTF_8), 0, new long[] {cents}, 0, out);
    return out;
  }

  @Test
  void aForgottenProfileIsFollowedByAnyOther() {
    Plan plan = Plan.parse("""
        {"key": "card_id", "values": [{"name": "home", "type": "double"}], "retention": 0, "aggregations": [
        {"name": "home", "operation": "LAST", "of": "profile", "value": 0, "where": null, "window": null, "delay": 0}]}""");
    MapPages pages = new MapPages();
    KeyHistory history = new KeyHistory(plan, pages);
    history.profile(START, new long[] {Double.doubleToRawLongBits(48.5)}, 0);
    assertEquals(48.5, home(history));
    history.forgetProfile();
    history.flush();
    history = new KeyHistory(plan, pages);
    assertEquals(Double.NaN, home(history));
    history.profile(START - HOUR, new long[] {Double.doubleToRawLongBits(2.5)}, 0);
    assertEquals(2.5, home(history));
  }

  private static double home(KeyHistory history) {
    double[] out = new double[1];
    history.transaction(START, new byte[] {1}, 0, new long[1], 1, out);
    return out[0];
  }

  @Test
  void aClockThatIsAheadByWhatIsLeftOfTheRetentionTakesNothing() {
    KeyHistory history = new KeyHistory(LABELS, new MapPages()); // 100,000 s, of which windows and delays use all
    long end = START + 100_000_000_000L - 1;
    sees(history, START, "old");
    sees(history, end + 1, "ahead by a microsecond");
    assertEquals(0, sees(history, end, "now")[3]);
    history = new KeyHistory(labels(100_001_000_000L), new MapPages()); // a second more
    sees(history, START, "old");
    sees(history, end + 1_000_000, "ahead by a second");
    assertEquals(1, sees(history, end, "now")[3]);
  }

  private static Plan labels(long retention) {
    return Plan.parse("""
        {"key": "terminal_id", "values": [], "retention": %d, "aggregations": [
        {"name": "known", "operation": "COUNT", "of": "label", "value": null, "where": null, "window": 50000000000, "delay": 50000000000},
        {"name": "fraud", "operation": "COUNT", "of": "label", "value": null, "where": 0, "window": 50000000000, "delay": 50000000000},
        {"name": "fraud_since", "operation": "SECONDS_SINCE_LAST", "of": "label", "value": null, "where": 0, "window": 50000000000,
         "delay": 50000000000},
        {"name": "paid", "operation": "COUNT", "of": "transaction", "value": null, "where": null, "window": 50000000000,
         "delay": 50000000000}]}""".formatted(retention));
  }
}
