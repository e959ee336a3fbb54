package frauddetection.history;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Random plans, and random events that are made to collide with the plan's edges and with each other. */
final class Script {
  private static final String[] OPERATIONS = {
    "COUNT", "SUM", "AVERAGE", "VARIANCE", "MIN", "MAX", "LAST", "SECONDS_SINCE_LAST", "UNIQUE_COUNT", "COUNT_SAME"};
  private static final String[] IDS = {"", "a", "aa", "b", "z", "é", "日", "t-0001", "t-0002", "t-00021"};
  private static final double[] DOUBLES = {0.0, -0.0, 1.5, -1.5, 48.2, Double.NaN, Double.MIN_VALUE, Double.NEGATIVE_INFINITY};

  private final Random random;
  private final Plan plan;
  private final List<Oracle.Event> earlier = new ArrayList<>();
  private long clock = 1_000;

  Script(Random random) {
    this.random = random;
    this.plan = plan(random);
  }

  Plan plan() {
    return plan;
  }

  Store.Limits limits() {
    return random.nextInt(4) == 0 ? Store.Limits.USUAL
        : new Store.Limits(random.nextInt(3) * 200, 2 + random.nextInt(3), 2 + random.nextInt(3), random.nextInt(8));
  }

  private static Plan plan(Random random) {
    StringBuilder json = new StringBuilder("""
        {"key": "card_id", "values": [{"name": "amount", "type": "fixed", "scale": 2}, {"name": "latitude", "type": "double"},
        {"name": "device_id", "type": "hash"}, {"name": "age", "type": "fixed", "scale": 0}], "aggregations": [""");
    int size = 1 + random.nextInt(12);
    for (int i = 0; i < size; i++) {
      json.append(i == 0 ? "" : ", ").append(aggregation(random, i));
    }
    return Plan.parse(json.append("]}").toString());
  }

  private static String aggregation(Random random, int i) {
    String operation = OPERATIONS[random.nextInt(OPERATIONS.length)];
    int[] allowed = switch (operation) {
      case "COUNT", "SECONDS_SINCE_LAST" -> new int[] {-1, 0, 1, 2, 3};
      case "SUM", "AVERAGE", "VARIANCE" -> new int[] {0, 3};
      case "MIN", "MAX", "LAST" -> new int[] {0, 1, 3};
      default -> new int[] {0, 2, 3};
    };
    int value = allowed[random.nextInt(allowed.length)];
    boolean label = !operation.equals("COUNT_SAME") && random.nextInt(3) == 0;
    boolean profile = operation.equals("LAST") && random.nextBoolean();
    String window = profile ? "null"
        : "" + (random.nextBoolean() ? 5 * (1 + random.nextInt(3)) : 1 + random.nextInt(40));
    int delay = profile || random.nextBoolean() ? 0 : 5 * random.nextInt(4);
    return """
        {"name": "a%d", "operation": "%s", "of": "%s", "value": %s, "where": %s, "window": %s, "delay": %d}""".formatted(
        i, operation, profile ? "profile" : label ? "label" : "transaction", value < 0 ? "null" : value,
        profile || random.nextBoolean() ? "null" : random.nextInt(2) * 40 + random.nextInt(2), window, delay);
  }

  /** An event near the clock: on time, a little late, very late, of the same instant, or with the name of an earlier one. */
  Oracle.Event event() {
    clock += random.nextInt(3) == 0 ? 0 : random.nextInt(20) == 0 ? random.nextInt(60) : random.nextInt(4);
    long time = clock - switch (random.nextInt(10)) {
      case 0, 1 -> random.nextInt(4);
      case 2 -> random.nextInt(70);
      default -> 0;
    };
    byte[] id = IDS[random.nextInt(IDS.length)].getBytes(StandardCharsets.UTF_8);
    if (!earlier.isEmpty() && random.nextInt(5) == 0) {
      Oracle.Event again = earlier.get(Math.max(0, earlier.size() - 1 - random.nextInt(30)));
      time = again.time();
      id = again.id();
    }
    long nulls = random.nextInt(3) == 0 ? random.nextInt(16) : 0;
    Oracle.Event event = new Oracle.Event(time, id, random.nextLong(), values(), nulls);
    earlier.add(event);
    return event;
  }

  private long[] values() {
    long amount = random.nextInt(8) == 0 ? random.nextLong() % 1_000_000_000_000L : random.nextInt(9) - 2;
    double latitude = random.nextBoolean() ? DOUBLES[random.nextInt(DOUBLES.length)] : random.nextGaussian();
    long device = random.nextInt(6) * 0x9E3779B97F4A7C15L;
    return new long[] {amount, Double.doubleToRawLongBits(latitude), device, random.nextInt(5)};
  }
}
