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
        {"name": "device_id", "type": "hash"}], "retention": 90, "aggregations": [%s]}""".formatted(aggregations);
  }

  @Test
  void aPlanSaysWhatItComputesAndIsNamedByItsBytes() {
    Plan plan = Plan.parse(plan(GOOD));
    assertEquals("card_id", plan.key());
    assertEquals(1, plan.size());
    assertEquals(90, plan.retention());
    // sha256sum of {"key":"k","retention":0,"values":[],"aggregations":[]}
    assertEquals("97e470ac9049060db05ca5d16e396f1c6693d761db2b585ea4b2b5c674f1482f",
        Plan.parse("{\"key\":\"k\",\"retention\":0,\"values\":[],\"aggregations\":[]}").hash());
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
    "\"SUM\", \"of\": \"transaction\" | \"PAST_AVERAGE\", \"of\": \"label\" | possible of transaction without delay only",
    "\"window\": 60 | \"window\": 91 | retention must be an integer from 91",
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
