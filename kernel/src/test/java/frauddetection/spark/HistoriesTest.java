package frauddetection.spark;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import frauddetection.history.KeyHistory;
import frauddetection.history.Pages;
import frauddetection.history.Plan;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.spark.sql.execution.streaming.operators.stateful.transformwithstate.statefulprocessor.ImplicitGroupingKeyTracker;
import org.junit.jupiter.api.Test;

/** Histories that stay in memory leave in the state store what histories leave that are written after every event. */
class HistoriesTest {
  private static final long ROOMY = 1L << 30;
  private static final int KEYS = 200;
  private static final Plan PLAN = Plan.parse("""
      {"key": "card_id", "values": [{"name": "amount", "type": "fixed", "scale": 2}], "retention": 1000, "aggregations": [
      {"name": "sum", "operation": "SUM", "of": "transaction", "value": 0, "where": null, "window": 1000, "delay": 0},
      {"name": "unique", "operation": "UNIQUE_COUNT", "of": "transaction", "value": 0, "where": null, "window": 1000, "delay": 0}]}""");

  /** As Spark's state variables do, asks Spark whose pages are meant. */
  private static final class StoreOfAll implements Pages {
    final Map<String, Map<Integer, byte[]>> keys = new HashMap<>();
    int writes;

    private Map<Integer, byte[]> atWork() {
      return keys.computeIfAbsent((String) ImplicitGroupingKeyTracker.getImplicitKeyOption().get(), any -> new HashMap<>());
    }

    @Override
    public byte[] get(int page) {
      return atWork().get(page);
    }

    @Override
    public void put(int page, byte[] bytes) {
      writes++;
      atWork().put(page, bytes);
    }

    @Override
    public void remove(int page) {
      atWork().remove(page);
    }
  }

  private final StoreOfAll expected = new StoreOfAll();
  private final StoreOfAll found = new StoreOfAll();
  private final Random random = new Random(1);
  private int events;

  @Test
  void eachKeyIsWrittenOnceAndNoneBefore() {
    Histories histories = new Histories(PLAN, found, ROOMY);
    pay(histories, 2_000);
    assertEquals(0, found.writes);
    histories.flush();
    assertEquals(KEYS, found.writes);
    assertTrue(histories.isEmpty());
    assertSame();
  }

  @Test
  void whatTakesTooMuchMemoryIsWrittenAndReadAgain() {
    Histories histories = new Histories(PLAN, found, KEYS / 4 * memoryOfOne());
    pay(histories, 2_000);
    assertTrue(found.writes > 1_000 && found.writes < 1_800, "writes: " + found.writes);
    histories.flush();
    assertSame();
  }

  @Test
  void aKeyInWhichTooMuchHappensDrivesOutNoOther() {
    Histories histories = new Histories(PLAN, found, 20 * memoryOfOne());
    pay(histories, "quiet", 1);
    pay(histories, "busy", 500);
    assertEquals(Set.of("busy"), found.keys.entrySet().stream().filter(one -> !one.getValue().isEmpty()).map(Map.Entry::getKey).collect(
        Collectors.toSet()));
    assertTrue(found.writes > 400, "writes: " + found.writes);
    histories.flush();
    assertSame();
  }

  @Test
  void theKeyAtWorkStaysThatOfSpark() {
    Histories histories = new Histories(PLAN, found, 1);
    pay(histories, 10);
    assertEquals(10, found.writes);
    ImplicitGroupingKeyTracker.removeImplicitKey();
    histories.flush();
    assertTrue(ImplicitGroupingKeyTracker.getImplicitKeyOption().isEmpty());
  }

  private void pay(Histories histories, int count) {
    for (int i = 0; i < count; i++) {
      pay(histories, "card-" + random.nextInt(KEYS), 1);
    }
  }

  private void pay(Histories histories, String key, int count) {
    double[] one = new double[PLAN.size()];
    double[] other = new double[PLAN.size()];
    for (int i = 0; i < count; i++) {
      events++;
      long[] amount = {random.nextInt(1_000)};
      byte[] id = Integer.toString(events).getBytes(StandardCharsets.UTF_8);
      ImplicitGroupingKeyTracker.setImplicitKey(key);
      KeyHistory written = new KeyHistory(PLAN, expected);
      written.transaction(events, id, 0, amount, 0, one);
      written.flush();
      histories.of(key).transaction(events, id, 0, amount, 0, other);
      histories.used(key);
      assertEquals(key, ImplicitGroupingKeyTracker.getImplicitKeyOption().get());
      assertArrayEquals(one, other);
    }
  }

  private static long memoryOfOne() {
    KeyHistory one = new KeyHistory(PLAN, Pages.NONE);
    for (int i = 0; i < 10; i++) {
      one.transaction(i, new byte[] {1}, 0, new long[] {i}, 0, new double[PLAN.size()]);
    }
    return one.memory();
  }

  private void assertSame() {
    assertEquals(expected.keys.keySet(), found.keys.keySet());
    expected.keys.forEach((key, pages) -> pages.forEach((page, bytes) -> assertArrayEquals(bytes, found.keys.get(key).get(page))));
  }
}
