package frauddetection.history;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Random plans, and random events that are made to collide with the plan's edges and with each other. */
final class Script {
  // The last one takes no delay.
  private static final String[] OPERATIONS = {
    "COUNT", "SUM", "AVERAGE", "VARIANCE", "MIN", "MAX", "LAST", "SECONDS_SINCE_LAST", "UNIQUE_COUNT", "COUNT_SAME", "PAST_AVERAGE"};
  private static final String[] IDS = {"", "a", "aa", "b", "z", "é", "日", "t-0001", "t-0002", "t-00021"};
  private static final double[] DOUBLES = {0.0, -0.0, 1.5, -1.5, 48.2, Double.NaN, Double.MIN_VALUE, Double.NEGATIVE_INFINITY};

  // Microseconds: in the longer units a second, by which the time of a label may be wrong, is shorter than the windows.
  private static final long[] UNITS = {1, 100_000, 700_000};

  private final Random random;
  final long unit;
  /** How much longer than the longest window and delay events are remembered. */
  final long slack;
  private final String json;
  private final List<Oracle.Event> earlier = new ArrayList<>();
  private long clock = 1_000;

  Script(Random random) {
    this.random = random;
    unit = UNITS[random.nextInt(UNITS.length)];
    slack = random.nextInt(3) * 10 * unit;
    json = anyPlan();
  }

  Plan plan() {
    return Plan.parse(json);
  }

  /** The plan with another retention. */
  String json(long retention) {
    return json.replaceFirst("\"retention\": \\d+", "\"retention\": " + retention);
  }

  Store.Limits limits() {
    return random.nextInt(4) == 0 ? Store.Limits.USUAL
        : new Store.Limits(random.nextInt(3) * 200, 2 + random.nextInt(3), 2 + random.nextInt(3), random.nextInt(8));
  }

  private String anyPlan() {
    StringBuilder json = new StringBuilder("""
        {"key": "card_id", "values": [{"name": "amount", "type": "fixed", "scale": 3}, {"name": "latitude", "type": "double"},
        {"name": "device_id", "type": "hash"}, {"name": "age", "type": "fixed", "scale": 0}], "retention": %d, "aggregations": [""");
    int size = 1 + random.nextInt(12);
    long longest = 0;
    for (int i = 0; i < size; i++) {
      boolean profile = random.nextInt(16) == 0;
      long window = profile ? 0 : unit * (random.nextBoolean() ? 5 * (1 + random.nextInt(3)) : 1 + random.nextInt(40));
      long delay = profile || random.nextBoolean() ? 0 : unit * 5 * random.nextInt(4);
      longest = Math.max(longest, window + delay);
      json.append(i == 0 ? "" : ", ").append(aggregation(i, profile, window, delay));
    }
    return json.append("]}").toString().formatted(longest + slack);
  }

  private String aggregation(int i, boolean profile, long window, long delay) {
    String operation = profile ? "LAST" : OPERATIONS[random.nextInt(OPERATIONS.length - (delay > 0 ? 1 : 0))];
    int[] allowed = switch (operation) {
      case "COUNT", "SECONDS_SINCE_LAST" -> new int[] {-1, 0, 1, 2, 3};
      case "SUM", "AVERAGE", "PAST_AVERAGE", "VARIANCE" -> new int[] {0, 3};
      case "MIN", "MAX", "LAST" -> new int[] {0, 1, 3};
      default -> new int[] {0, 2, 3};
    };
    int value = allowed[random.nextInt(allowed.length)];
    boolean label = !List.of("COUNT_SAME", "PAST_AVERAGE").contains(operation) && random.nextInt(3) == 0;
    return """
        {"name": "a%d", "operation": "%s", "of": "%s", "value": %s, "where": %s, "window": %s, "delay": %d}""".formatted(
        i, operation, profile ? "profile" : label ? "label" : "transaction", value < 0 ? "null" : value,
        profile || random.nextBoolean() ? "null" : random.nextInt(2) * 40 + random.nextInt(2), profile ? "null" : window, delay);
  }

  /** What happens next: mostly a transaction. */
  Step step() {
    Step.What what = switch (random.nextInt(16)) {
      case 0, 1, 2, 3 -> Step.What.LABEL;
      case 4 -> Step.What.PROFILE;
      case 5 -> random.nextBoolean() ? Step.What.FORGET_PROFILE : Step.What.PROFILE;
      default -> Step.What.TRANSACTION;
    };
    Oracle.Event event = event();
    if (what == Step.What.LABEL) {
      long far = random.nextBoolean() ? 0 : random.nextInt(2_400_000) - 1_200_000;
      event = new Oracle.Event(event.time() + far, event.id(), event.mask(), event.values(), event.nulls());
    }
    return new Step(what, event, clock * unit + unit * random.nextInt(4), random.nextInt(3));
  }

  /** An event near the clock: on time, a little late, very late, of the same instant, or with the name of an earlier one. */
  private Oracle.Event event() {
    clock += random.nextInt(3) == 0 ? 0 : random.nextInt(20) == 0 ? random.nextInt(60) : random.nextInt(4);
    long time = unit * (clock - switch (random.nextInt(10)) {
      case 0, 1 -> random.nextInt(4);
      case 2 -> random.nextInt(70);
      default -> 0;
    });
    byte[] id = IDS[random.nextInt(IDS.length)].getBytes(StandardCharsets.UTF_8);
    if (!earlier.isEmpty() && random.nextInt(5) == 0) {
      Oracle.Event again = earlier.get(Math.max(0, earlier.size() - 1 - random.nextInt(30)));
      time = again.time();
      id = again.id();
    }
    Oracle.Event event = event(time, id);
    earlier.add(event);
    return event;
  }

  /** An event of this time and id with anything in it. */
  Oracle.Event event(long time, byte[] id) {
    return new Oracle.Event(time, id, random.nextLong(), values(), random.nextInt(3) == 0 ? random.nextInt(16) : 0);
  }

  private long[] values() {
    long amount = random.nextInt(8) == 0 ? random.nextLong() % 100_000_000_000_000L : random.nextInt(9) - 2;
    double latitude = random.nextBoolean() ? DOUBLES[random.nextInt(DOUBLES.length)] : random.nextGaussian();
    long device = random.nextInt(6) * 0x9E3779B97F4A7C15L;
    return new long[] {amount, Double.doubleToRawLongBits(latitude), device, random.nextInt(5)};
  }
}
