package frauddetection.history;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/** The kernel and the oracle agree on every value of every event, to the last bit. */
class HistoryPropertyTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @Property(tries = 10_000)
  void anyEventsInAnyOrderGiveTheValuesOfTheDefinition(
      @ForAll @IntRange(min = 1, max = 120) int events, @ForAll Random random) throws Exception {
    Script script = new Script(random);
    Plan plan = script.plan();
    Store.Limits limits = script.limits();
    MapPages pages = new MapPages();
    KeyHistory history = new KeyHistory(plan, pages, limits);
    Oracle oracle = new Oracle(plan);
    int flushEvery = 1 + random.nextInt(20);
    for (int i = 0; i < events; i++) {
      Step step = script.step();
      double[] found = step.in(history, plan);
      double[] expected = step.in(oracle);
      if (expected != null) {
        same(plan, expected, found, i);
      }
      if (random.nextInt(flushEvery) == 0) {
        history.flush();
        if (random.nextInt(8) == 0) {
          long instant = step.event().time() + script.unit * (random.nextInt(40) - 20);
          described(plan, oracle.values(instant, null), history.describe(instant), pages);
        }
        history = random.nextInt(3) == 0 ? history : new KeyHistory(plan, pages, limits);
      }
    }
  }

  private static void same(Plan plan, double[] expected, double[] actual, int event) {
    for (int i = 0; i < expected.length; i++) {
      if (Double.compare(expected[i], actual[i]) != 0) {
        assertEquals(expected[i], actual[i], "event " + event + ", " + plan.aggregations().get(i));
      }
    }
  }

  private static void described(Plan plan, double[] expected, String description, MapPages pages) throws Exception {
    JsonNode json = JSON.readTree(description);
    assertEquals(pages.pages.size(), json.get("pages").asInt(), "no page is lost or left over");
    assertEquals(pages.bytes(), json.get("bytes").asLong());
    for (int i = 0; i < expected.length; i++) {
      JsonNode value = json.get("values").get(plan.aggregations().get(i).name());
      double actual = value.isNull() ? Double.NaN : value.asDouble();
      assertEquals(expected[i], actual, plan.aggregations().get(i).toString());
    }
  }
}
