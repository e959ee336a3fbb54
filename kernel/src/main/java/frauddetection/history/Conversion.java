package frauddetection.history;

import frauddetection.history.Plan.Aggregation;
import frauddetection.history.Plan.Source;
import frauddetection.history.Plan.Value;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * How the history that one plan has kept of a key becomes that of another plan. All remembered transactions are taken over, with their
 * labels and the profile, and what both plans know of them; what the new one alone asks for is absent of them, and no condition that the
 * old one did not ask holds. The result is the history that the new plan would have had from the beginning, but for {@link #gaps}.
 */
public final class Conversion {
  // So that a key of any size takes no more memory than its pages.
  private static final int FLUSH_EVERY = 8_192;
  private static final BigDecimal DAY = BigDecimal.valueOf(86_400_000_000L);

  private interface Taker {
    void take(Chunk chunk, int i);
  }

  /** What the old log has of one source: of each value of the new plan the old column, of each condition the old flag; -1 for none. */
  private record Kept(int[] columns, int[] flags) {}

  private final Plan from;
  private final List<String> fromConditions;
  private final Plan to;
  private final List<String> toConditions;
  private final boolean same;
  private final Map<Source, Kept> kept;
  private final int[] profiles;

  /**
   * Compares the plans.
   *
   * @param fromConditions the text of each condition, by the number that the plan has for it; so is toConditions
   */
  public Conversion(Plan from, List<String> fromConditions, Plan to, List<String> toConditions) {
    this.from = from;
    this.fromConditions = fromConditions;
    this.to = to;
    this.toConditions = toConditions;
    same = from.hash().equals(to.hash()) && fromConditions.equals(toConditions);
    kept = Map.of(Source.TRANSACTION, kept(Source.TRANSACTION), Source.LABEL, kept(Source.LABEL));
    profiles = Arrays.stream(to.profiles()).map(output -> profile(to.aggregations().get(output).value())).toArray();
  }

  /** Returns, for each output of the new plan that is not whole at once, by its name, what the old plan has not kept. */
  public Map<String, String> gaps() {
    Map<String, String> gaps = new LinkedHashMap<>();
    for (Aggregation one : to.aggregations()) {
      String gap = gap(one);
      if (gap != null) {
        gaps.put(one.name(), gap);
      }
    }
    return gaps;
  }

  /**
   * Puts the new plan's pages of a key. Where both plans are the same these are the old ones, byte for byte.
   *
   * @param pages those of the old plan
   * @return how many transactions the key remembers
   * @throws IllegalStateException if the pages are of another plan, or damaged
   */
  public long convert(Map<Integer, byte[]> pages, Pages into) {
    KeyHistory old = new KeyHistory(from, Pages.readOnly(pages));
    EventLog log = old.log();
    if (same) {
      pages.forEach(into::put);
      return each(log, (chunk, i) -> { });
    }
    KeyHistory history = new KeyHistory(to, into);
    long[] values = new long[to.values().size()];
    double[] out = new double[to.size()];
    int[] taken = {0};
    long count = each(log, (chunk, i) -> {
      long nulls = read(Source.TRANSACTION, chunk, i, values);
      history.transaction(chunk.times[i], chunk.id(i), mask(Source.TRANSACTION, chunk, i), values, nulls, out);
      if (chunk.isLabelled(i)) {
        nulls = read(Source.LABEL, chunk, i, values);
        long mask = mask(Source.LABEL, chunk, i);
        history.label(chunk.times[i], chunk.id(i), chunk.labelledAt(i), chunk.labelRank(i), mask, values, nulls);
      }
      if (++taken[0] % FLUSH_EVERY == 0) {
        history.flush();
      }
    });
    history.takeProfile(old, profiles);
    history.flush();
    return count;
  }

  /** Shows the remembered transactions, the oldest first; returns how many there are. */
  private static long each(EventLog log, Taker taker) {
    long count = 0;
    for (Chunk chunk = log == null ? null : log.first(); chunk != null; chunk = log.after(chunk)) {
      for (int i = 0; i < chunk.size; i++) {
        if (chunk.times[i] > log.horizon()) {
          taker.take(chunk, i);
          count++;
        }
      }
    }
    return count;
  }

  /** Fills values and returns which of them are null. */
  private long read(Source of, Chunk chunk, int i, long[] values) {
    int[] columns = kept.get(of).columns;
    long nulls = 0;
    for (int value = 0; value < values.length; value++) {
      boolean absent = columns[value] < 0 || chunk.isNull(i, columns[value]);
      values[value] = absent ? 0 : chunk.value(i, columns[value]);
      nulls |= absent ? 1L << value : 0;
    }
    return nulls;
  }

  private long mask(Source of, Chunk chunk, int i) {
    int[] flags = kept.get(of).flags;
    long mask = 0;
    for (int condition = 0; condition < flags.length; condition++) {
      mask |= flags[condition] < 0 ? 0 : (chunk.flags[i] >>> flags[condition] & 1) << condition;
    }
    return mask;
  }

  private Kept kept(Source source) {
    int[] columns = new int[to.values().size()];
    int[] flags = new int[toConditions.size()];
    for (int value = 0; value < columns.length; value++) {
      columns[value] = column(source, to.values().get(value));
    }
    for (int condition = 0; condition < flags.length; condition++) {
      flags[condition] = flag(source, toConditions.get(condition));
    }
    return new Kept(columns, flags);
  }

  private int column(Source source, Value value) {
    LogPlan.Part[] columns = from.log() == null ? new LogPlan.Part[0] : from.log().columns;
    for (int i = 0; i < columns.length; i++) {
      if (columns[i].source() == source && from.values().get(columns[i].number()).equals(value)) {
        return i;
      }
    }
    return -1;
  }

  private int flag(Source source, String condition) {
    LogPlan.Part[] conditions = from.log() == null ? new LogPlan.Part[0] : from.log().conditions;
    for (int i = 0; i < conditions.length; i++) {
      if (conditions[i].source() == source && fromConditions.get(conditions[i].number()).equals(condition)) {
        return from.log().columns.length + i;
      }
    }
    return -1;
  }

  /** Returns which of the old profile's values this one is, -1 for none. */
  private int profile(int value) {
    for (int i = 0; i < from.profiles().length; i++) {
      if (from.values().get(from.aggregations().get(from.profiles()[i]).value()).equals(to.values().get(value))) {
        return i;
      }
    }
    return -1;
  }

  private String gap(Aggregation one) {
    if (one.of() == Source.PROFILE) {
      return profile(one.value()) < 0 ? to.values().get(one.value()).name() + " of the profile was not kept" : null;
    }
    Kept of = kept.get(one.of());
    if (from.log() == null) {
      return "no payments were kept";
    }
    if (one.of() == Source.LABEL && from.log().labelled == 0) {
      return "no labels were kept";
    }
    if (one.value() >= 0 && of.columns[one.value()] < 0) {
      return to.values().get(one.value()).name() + " was not kept";
    }
    if (one.where() >= 0 && of.flags[one.where()] < 0) {
      return "whether " + toConditions.get(one.where()) + " was not kept";
    }
    return one.window() + one.delay() > from.retention()
        ? "it looks back " + days(one.window() + one.delay()) + ", and " + days(from.retention()) + " were kept" : null;
  }

  private static String days(long micros) {
    return BigDecimal.valueOf(micros).divide(DAY, 2, RoundingMode.UP).stripTrailingZeros().toPlainString() + "d";
  }
}
