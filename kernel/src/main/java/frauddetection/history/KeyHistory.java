package frauddetection.history;

import frauddetection.history.Plan.Source;
import frauddetection.history.Plan.Type;
import java.util.HexFormat;

/**
 * The history of one key, a card or a terminal: it remembers the key's events of a bounded time and gives, for each
 * transaction, the value of every aggregation of the plan.
 *
 * <p>What an aggregation sees:
 *
 * <ul>
 *   <li>Windows are exact, per event, trailing, in event time: (t - w, t], the current event included; with a delay:
 *       (t - d - w, t - d].
 *   <li>The order of a key's transactions is (time, transaction_id as unsigned UTF-8 bytes). A transaction sees those that had
 *       arrived before it and are not younger than itself in that order: of those at its own instant the ones with a smaller id, and
 *       itself. With delay &gt; 0 all at time t-d count.
 *   <li>A repeat (same time and same id) changes nothing and gets the values of its own place: as if it were the current event,
 *       itself counted once (where/value of the remembered one).
 *   <li>A label belongs to a remembered transaction of its id, whose time it has to name within a second: of several the nearest, of
 *       equally near ones the first. From its arrival on it is a property of that transaction, at the transaction's own time;
 *       aggregations of labels are those of the transactions in the window that have one. Of the labels of a transaction that have
 *       arrived the one that became known last counts, of those that became known at once the one of the highest rank, else the first
 *       to arrive. A label of no remembered transaction changes nothing and is not kept.
 *   <li>The horizon of a key = newest time of the key's transactions so far, the current one included, minus the plan's retention.
 *       Events with time &lt;= horizon are forgotten, with their labels: they count no more, even for a late event. A late
 *       transaction at or before the horizon is not remembered, but sees itself (delay 0) and what is remembered in its window. So: an
 *       event late by L sees every window exactly for which window + delay + L &lt;= retention. State is bounded by the retention per
 *       key. Forgetting is exact in what is seen; bytes are given back a little later.
 *   <li>LAST and SECONDS_SINCE_LAST are of the last event before the current one, PAST_AVERAGE of all in the window but the current
 *       one. LAST of profile is the value of the newest profile (of equal times the one that came last) that has arrived since a
 *       profile was last forgotten, whatever the transaction's time.
 * </ul>
 *
 * <p>As long as a key has had no transaction it has no horizon. A NaN is a null.
 *
 * <p>Results are doubles, NaN where there is none: AVERAGE, PAST_AVERAGE, VARIANCE, MIN, MAX, LAST, SECONDS_SINCE_LAST of nothing, and
 * COUNT_SAME of null. Sums are kept as exact integers of 128 bits, so no result depends on the order in which events came or went,
 * and none overflows; the one rounding is in the end: SUM = sum / 10^scale, AVERAGE = sum / (n * 10^scale), VARIANCE = (n * squares -
 * sum^2) / (n * n * 10^(2 * scale)), where every parenthesis is rounded to a double and then divided.
 *
 * <p>The cost of an event does not grow with the events in the windows; a late one costs in proportion to the events that are
 * younger. A label costs in proportion to the transactions of the two seconds around its own, and to a thirty-second of those that
 * lie between it and the nearest end of a window. Not thread-safe.
 */
public final class KeyHistory {
  private static final int MAGIC = 0xF2;
  // Measured on the heap, with this project's plans: what this takes beside its nodes and pages.
  private static final long OWN_MEMORY = 2_000;
  // Fixed values have at most fourteen digits and times fit beside the longest window, so that nothing overflows.
  private static final long FIXED_LIMIT = 100_000_000_000_000L;
  private static final long TIME_LIMIT = 1L << 60;

  private final Plan plan;
  private final Pages pages;
  private final Store store;
  /** Null if all aggregations are of profile. */
  private final EventLog log;
  private final Profile profile;
  private long newest = Long.MIN_VALUE;
  private boolean opened;
  private boolean changed;

  /** The history in these pages, which are read when they are needed. No pages: an empty history. */
  public KeyHistory(Plan plan, Pages pages) {
    this(plan, pages, Store.Limits.USUAL);
  }

  KeyHistory(Plan plan, Pages pages, Store.Limits limits) {
    this.plan = plan;
    this.pages = pages;
    store = new Store(pages, limits);
    log = plan.log() == null ? null : new EventLog(plan.log(), store);
    profile = new Profile(plan);
  }

  /**
   * Remembers a transaction and fills out with the value of every aggregation, as this transaction sees it.
   *
   * @param time event time in microseconds
   * @param id transaction_id as UTF-8; copied
   * @param mask bit n says whether condition n holds
   * @param values one per value of the plan, encoded as its {@link Plan.Type} says
   * @param nulls bit n says that value n is null
   * @param out receives plan.size() values
   * @throws IllegalArgumentException if the time or a fixed value is out of range
   * @throws IllegalStateException if the pages are of another plan or damaged
   */
  public void transaction(long time, byte[] id, long mask, long[] values, long nulls, double[] out) {
    long absent = check(time, values, nulls);
    open();
    changed = true;
    moveHorizon(Math.max(newest, time));
    profile.fill(out);
    if (log == null) {
      return;
    }
    log.seek(time, id);
    Results.fillLasts(log, time, out);
    long flags = log.plan.flags(Source.TRANSACTION, mask, absent);
    long[] kept = remembered(Source.TRANSACTION, values, absent);
    if (time <= log.horizon()) {
      Chunk alone = new Chunk(log.plan, 1);
      alone.insert(0, time, id, flags, kept);
      log.aggregates.pass(0, alone, 0, true);
      Results.fill(log, alone, 0, out);
      log.aggregates.pass(0, alone, 0, false);
    } else {
      if (!log.isNext(time, id)) {
        log.insert(time, id, flags, kept);
      }
      log.next((chunk, i) -> {
        Results.fill(log, chunk, i, out);
        return false;
      });
    }
    log.forget();
  }

  /**
   * Remembers a label, if an aggregation is of labels and the transaction is remembered.
   *
   * @param time event time, in microseconds, of the transaction that the label is about
   * @param id its transaction_id as UTF-8; copied
   * @param at when the label became known, microseconds
   * @param rank of labels that became known at once the one of the highest rank counts
   * @param mask as in {@link #transaction}; so are values, nulls and errors
   */
  public void label(long time, byte[] id, long at, int rank, long mask, long[] values, long nulls) {
    long absent = check(time, values, nulls);
    check(at, values, nulls);
    open();
    if (log != null && log.plan.labelled != 0) {
      long flags = log.plan.flags(Source.LABEL, mask, absent);
      changed |= log.label(time, id, at, rank, flags, remembered(Source.LABEL, values, absent));
    }
  }

  /**
   * Remembers a profile, if an aggregation is of profiles and no newer one has arrived.
   *
   * @param time microseconds
   * @param values as in {@link #transaction}; so are nulls and errors
   */
  public void profile(long time, long[] values, long nulls) {
    long absent = check(time, values, nulls);
    open();
    changed |= profile.arrives(time, values, absent);
  }

  /** Forgets the profile: of those that arrive from now on the newest counts, however old it is. */
  public void forgetProfile() {
    open();
    changed |= profile.forget();
  }

  /** Writes what has changed since the last flush to the pages. The history stays usable. */
  public void flush() {
    if (!changed) {
      return;
    }
    changed = false;
    Writer header = new Writer();
    header.raw(new byte[] {(byte) MAGIC}, 0, 1);
    header.raw(plan.digest(), 0, 8);
    header.signed(newest);
    profile.write(header);
    if (log != null) {
      log.write(header);
    }
    if (store.flush(header) && log != null) {
      log.release();
    }
  }

  /** Returns about how many bytes of memory this object takes: the decoded nodes, and the pages of which they are. */
  public long memory() {
    return OWN_MEMORY + store.memory();
  }

  /**
   * Returns, as JSON for people, what the flushed state holds, and the value that each aggregation would have at this
   * instant (microseconds) if every event of that time had been seen and none was the current one. Writes nothing.
   */
  public String describe(long atTime) {
    // Another object looks, so that this one's edges and nodes stay as they are.
    KeyHistory seen = new KeyHistory(plan, pages, store.limits);
    seen.open();
    double[] out = new double[plan.size()];
    seen.profile.fill(out);
    if (seen.log != null) {
      seen.log.seek(atTime, null);
      Results.fillLasts(seen.log, atTime, out);
      Results.fill(seen.log, null, 0, out);
    }
    return Description.of(plan, seen.store, seen.log, seen.profile, out);
  }

  /** What is remembered, as the pages have it; null if all aggregations are of profile. */
  EventLog log() {
    open();
    return log;
  }

  /** Takes over another plan's profile; places say which of its values this one's are, -1 for none. */
  void takeProfile(KeyHistory other, int[] places) {
    open();
    other.open();
    changed |= profile.take(other.profile, places);
  }

  private void open() {
    if (opened) {
      return;
    }
    opened = true;
    byte[] bytes = pages.get(0);
    if (bytes == null) {
      return;
    }
    Reader from = new Reader(bytes, 9);
    if (bytes.length < 9 || (bytes[0] & 0xff) != MAGIC) {
      throw new IllegalStateException("Page 0 is no history of this version");
    }
    HexFormat hex = HexFormat.of();
    String found = hex.formatHex(bytes, 1, 9);
    String wanted = hex.formatHex(plan.digest(), 0, 8);
    if (!found.equals(wanted)) {
      throw new IllegalStateException("The state is of plan " + found + ", this is plan " + wanted);
    }
    long time = from.signed();
    profile.read(from);
    if (log != null) {
      log.read(from);
    }
    store.read(from);
    if (time != Long.MIN_VALUE) {
      moveHorizon(time);
    }
  }

  private void moveHorizon(long time) {
    newest = time;
    if (log != null) {
      log.forgetUntil(newest);
    }
  }

  /** Returns the nulls, NaN among them. */
  private long check(long time, long[] values, long nulls) {
    Plan.require(time < TIME_LIMIT && time > -TIME_LIMIT, "time is out of range");
    long absent = nulls;
    for (int i = 0; i < plan.values().size(); i++) {
      Type type = plan.values().get(i).type();
      if ((nulls >>> i & 1) == 0 && type == Type.FIXED) {
        Plan.require(values[i] < FIXED_LIMIT && values[i] > -FIXED_LIMIT,
            plan.values().get(i).name() + " has more than fourteen digits");
      } else if (type == Type.DOUBLE && Double.isNaN(Double.longBitsToDouble(values[i]))) {
        absent |= 1L << i;
      }
    }
    return absent;
  }

  private long[] remembered(Source of, long[] values, long nulls) {
    LogPlan.Part[] columns = log.plan.columns;
    long[] kept = new long[columns.length];
    for (int i = 0; i < kept.length; i++) {
      boolean present = columns[i].source() == of && (nulls >>> columns[i].number() & 1) == 0;
      kept[i] = present ? values[columns[i].number()] : 0;
    }
    return kept;
  }
}
