package frauddetection.history;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import frauddetection.history.Plan.Aggregation;
import frauddetection.history.Plan.Source;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/** A history that was converted to another plan goes on like one that the other plan has kept from the beginning. */
class ConversionTest {
  private static final List<String> CONDITIONS = IntStream.range(0, 42).mapToObj(i -> "condition " + i).toList();
  private static final String TRANSACTIONS = """
      {"key": "k", "values": [{"name": "amount", "type": "fixed", "scale": 3}, {"name": "place", "type": "double"}], "retention": %d,
      "aggregations": [{"name": "sum", "operation": "SUM", "of": "transaction", "value": 0, "window": 100, "where": %s}%s]}""";

  /** What is whole at once is equal to the last bit; labels too, where both plans forget at the same time. */
  @Property(tries = 5_000)
  void whatTheOldPlanHasKeptTheNewOneSees(
      @ForAll @IntRange(min = 1, max = 80) int before, @ForAll @IntRange(min = 1, max = 40) int after, @ForAll Random random) {
    Script script = new Script(random);
    Plan from = script.plan();
    Script other = new Script(random);
    boolean alike = other.plan().retention() <= from.retention() && random.nextBoolean();
    Plan to = alike ? Plan.parse(other.json(from.retention())) : other.plan();
    Conversion conversion = new Conversion(from, CONDITIONS, to, CONDITIONS);
    MapPages oldPages = new MapPages();
    KeyHistory old = new KeyHistory(from, oldPages, script.limits());
    KeyHistory expected = new KeyHistory(to, Pages.NONE);
    for (int i = 0; i < before; i++) {
      Step step = script.step();
      step.in(old, from);
      step.in(expected, to);
    }
    old.flush();
    MapPages pages = new MapPages();
    conversion.convert(oldPages.pages, pages);
    KeyHistory found = new KeyHistory(to, pages, script.limits());
    for (int i = 0; i < after && to.retention() <= from.retention(); i++) {
      Step step = script.step();
      double[] saw = step.in(found, to);
      double[] sees = step.in(expected, to);
      for (int a = 0; saw != null && a < to.size(); a++) {
        Aggregation one = to.aggregations().get(a);
        boolean whole = !conversion.gaps().containsKey(one.name()) && (alike || one.of() != Source.LABEL);
        if (whole && Double.compare(sees[a], saw[a]) != 0) {
          assertEquals(sees[a], saw[a], "event " + i + ", " + one);
        }
      }
    }
  }

  @Test
  void theSamePlanHasTheSamePages() {
    Plan plan = plan(5_000, "null", "");
    MapPages pages = new MapPages();
    KeyHistory history = new KeyHistory(plan, pages);
    for (int i = 0; i < 9_000; i++) {
      history.transaction(i, new byte[] {(byte) i}, 0, new long[] {i, 0}, 0, new double[1]);
    }
    history.flush();
    MapPages moved = new MapPages();
    assertEquals(5_000, new Conversion(plan, List.of(), plan, List.of()).convert(pages.pages, moved));
    assertTrue(pages.pages.size() > 10);
    assertEquals(pages.pages, moved.pages);
  }

  @Test
  void whatWasNotKeptIsToldByName() {
    String more = """
        , {"name": "last", "operation": "LAST", "of": "transaction", "value": 1, "window": 9},
        {"name": "labels", "operation": "COUNT", "of": "label", "window": 9}, {"name": "home", "operation": "LAST", "of": "profile", "value": 1},
        {"name": "long", "operation": "COUNT", "of": "transaction", "window": 172800000000},
        {"name": "night", "operation": "COUNT", "of": "transaction", "window": 9, "where": 0}""";
    Plan to = plan(172_800_000_000L, "null", more);
    Conversion conversion = new Conversion(plan(86_400_000_000L, "0", ""), List.of("is_day"), to, List.of("is_night"));
    Map<String, String> expected = Map.of(
        "last", "place was not kept",
        "labels", "no labels were kept",
        "home", "place of the profile was not kept",
        "long", "it looks back 2d, and 1d were kept",
        "night", "whether is_night was not kept");
    assertEquals(expected, conversion.gaps());
    assertEquals(new ArrayList<>(to.aggregations().stream().map(Aggregation::name).filter(expected::containsKey).toList()),
        new ArrayList<>(conversion.gaps().keySet()), "in the order of the plan");
  }

  private static Plan plan(long retention, String where, String more) {
    return Plan.parse(TRANSACTIONS.formatted(retention, where, more));
  }
}
