package frauddetection.history;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import frauddetection.history.Plan.Aggregation;
import frauddetection.history.Plan.Source;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/**
 * One record more, whatever it says and wherever it comes, changes what the key's other transactions see in those windows alone in which
 * it lies: it may be as far ahead of all others as events are remembered beyond the longest window, and others as late as is left of that.
 */
class HostileRecordTest {
  @Property(tries = 5_000)
  void oneRecordChangesOnlyTheWindowsInWhichItLies(@ForAll @IntRange(min = 2, max = 80) int events, @ForAll Random random) {
    Script script = new Script(random);
    Plan plan = script.plan();
    List<Step> steps = IntStream.range(0, events).mapToObj(i -> script.step()).toList();
    int place = random.nextInt(events);
    Step hostile = hostile(script, steps, place, random);
    List<Step> all = new ArrayList<>(steps);
    all.add(place, hostile);
    List<double[]> expected = run(plan, steps);
    List<double[]> found = run(plan, all);
    found.remove(place);
    long newest = Long.MIN_VALUE;
    for (int i = 0; i < events; i++) {
      newest = i == place && hostile.what() == Step.What.TRANSACTION ? Math.max(newest, hostile.event().time()) : newest;
      if (steps.get(i).what() != Step.What.TRANSACTION) {
        continue;
      }
      long time = steps.get(i).event().time();
      newest = Math.max(newest, time);
      for (int a = 0; a < plan.size(); a++) {
        Aggregation one = plan.aggregations().get(a);
        // Of two payments of one id, one forgotten, a label is the other's.
        boolean inTime = time >= newest - script.slack + (one.of() == Source.LABEL ? 2 * Search.SAME_TIME : 0);
        if (inTime && Double.compare(expected.get(i)[a], found.get(i)[a]) != 0) {
          assertTrue(i >= place && concerns(hostile, one, time), "event " + i + ", " + one + " changed by " + hostile);
        }
      }
    }
    assertEquals(events, found.size());
  }

  private static List<double[]> run(Plan plan, List<Step> steps) {
    KeyHistory history = new KeyHistory(plan, Pages.NONE);
    List<double[]> found = new ArrayList<>();
    steps.forEach(step -> found.add(step.in(history, plan)));
    return found;
  }

  /** A record of the far past, or ahead of all others, or with another's id, of any kind. */
  private static Step hostile(Script script, List<Step> steps, int place, Random random) {
    long newest = steps.subList(0, place).stream().filter(step -> step.what() == Step.What.TRANSACTION)
        .mapToLong(step -> step.event().time()).max().orElse(steps.get(0).event().time());
    Oracle.Event other = steps.get(random.nextInt(steps.size())).event();
    long time = switch (random.nextInt(4)) {
      case 0 -> newest + script.slack;
      case 1 -> newest - random.nextInt(200) * script.unit;
      case 2 -> -1L << 50;
      default -> other.time();
    };
    byte[] id = random.nextBoolean() ? other.id() : new byte[] {(byte) random.nextInt(256)};
    Step.What[] kinds = Step.What.values();
    return new Step(kinds[random.nextInt(kinds.length)], script.event(time, id), time + random.nextInt(100), random.nextInt(6));
  }

  /** Whether the hostile record may be seen by a transaction of this time. */
  private static boolean concerns(Step hostile, Aggregation a, long time) {
    if (hostile.what() == Step.What.PROFILE || hostile.what() == Step.What.FORGET_PROFILE) {
      return a.of() == Source.PROFILE;
    }
    // A label, and a payment that takes its id for itself, concern a payment up to a second away on either side.
    long near = a.of() == Source.LABEL ? 2 * Search.SAME_TIME : 0;
    // A false record that came first is what a transaction of its time and id repeats, and compares with the others.
    boolean repeated = a.operation() == Plan.Operation.COUNT_SAME && hostile.event().time() == time;
    long end = time - a.delay();
    boolean inside = hostile.event().time() <= end + near && hostile.event().time() > end - a.window() - near;
    return (inside || repeated) && a.of() != Source.PROFILE && (hostile.what() == Step.What.TRANSACTION || a.of() == Source.LABEL);
  }
}
