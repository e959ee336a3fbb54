package frauddetection.history;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PlanTest {
  private static final String GOOD = """
      {"name": "n", "operation": "SUM", "of": "transaction", "value": 0, "where": null, "window": 60, "delay": 0}""";

  private static String plan(String aggregations) {
    return """
        {"key": "card_id", "values": [{"name": "amount", "type": "fixed", "scale": 2}, {"name": "latitude", "type": "double"},
        {"name": "device_id", "type": "hash"}], "aggregations": [%s]}""".formatted(aggregations);
  }

  @Test
  void aPlanSaysWhatItComputesAndIsNamedByItsBytes() {
    Plan plan = Plan.parse(plan(GOOD));
    assertEquals("card_id", plan.key());
    assertEquals(1, plan.size());
    assertEquals(60, plan.retention(Plan.Source.TRANSACTION));
    assertEquals(0, plan.retention(Plan.Source.LABEL));
    // sha256sum of {"key":"k","values":[],"aggregations":[]}
    assertEquals("53b77edc0c1ee7d8df21e0489d977b4ad55e4dda36d34b16615585da026394fd",
        Plan.parse("{\"key\":\"k\",\"values\":[],\"aggregations\":[]}").hash());
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
    "\"SUM\"       | \"MEDIAN\"      | unknown operation MEDIAN",
    "\"SUM\"       | \"sum\"         | unknown operation sum",
    "transaction   | payment         | unknown source payment",
    "\"delay\": 0  | \"lag\": 0      | unknown field lag",
    "\"delay\": 0  | \"delay\": -1   | delay must be an integer from 0",
    "\"delay\": 0  | \"delay\": 0.5  | delay must be an integer from 0",
    "\"delay\": 0  | \"delay\": \"0\" | delay must be an integer from 0",
    "\"window\": 60 | \"window\": null | window must be positive",
    "\"window\": 60 | \"window\": 1e30 | window must be an integer",
    "\"value\": 0  | \"value\": 3    | there is no value 3",
    "\"value\": 0  | \"value\": 1    | SUM needs a fixed value",
    "\"value\": 0  | \"value\": null | SUM needs a fixed value",
    "\"SUM\", \"of\": \"transaction\", \"value\": 0 | \"MIN\", \"of\": \"transaction\", \"value\": 2 | MIN needs a fixed or double value",
    "\"SUM\", \"of\": \"transaction\", \"value\": 0 | \"UNIQUE_COUNT\", \"of\": \"transaction\", \"value\": 1 | UNIQUE_COUNT needs a hash or fixed value",
    "\"SUM\", \"of\": \"transaction\" | \"COUNT_SAME\", \"of\": \"label\" | possible of transaction only",
    "transaction   | profile         | SUM is not possible of profile",
    "\"SUM\", \"of\": \"transaction\" | \"LAST\", \"of\": \"profile\" | takes no where, window or delay",
    "\"where\": null | \"where\": 64 | where must be an integer from 0 to 63",
    "\"name\": \"n\"  | \"name\": 1  | name must be a string",
    "\"name\": \"n\"  | \"name\": \"n\", \"name\": \"m\"  | not valid JSON"})
  void whatCannotBeComputedIsRefused(String part, String instead, String why) {
    String wrong = GOOD.replace(part, instead);
    assertTrue(!wrong.equals(GOOD), part);
    Exception error = assertThrows(IllegalArgumentException.class, () -> Plan.parse(plan(wrong)));
    assertTrue(error.getMessage().contains(why), error.getMessage());
  }

  @Test
  void twoAggregationsOfOneNameAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> Plan.parse(plan(GOOD + "," + GOOD)));
  }
}
