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
      {"key": "card_id", "values": [{"name": "amount", "type": "fixed", "scale": 2}], "aggregations": [
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
    assertThrows(IllegalArgumentException.class, () -> pay(history, START, "a", 1_000_000_000_000L));
    assertThrows(IllegalArgumentException.class, () -> pay(history, Long.MIN_VALUE, "a", 1));
    assertArrayEquals(new double[] {1, 0.01, Double.NaN}, pay(history, START, "a", 1));
  }
}
