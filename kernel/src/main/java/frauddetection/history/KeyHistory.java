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
 *   <li>The order of a key's events is (time, transaction_id as unsigned UTF-8 bytes). An event sees the events that had
 *       arrived before it and are not younger than itself in that order: of those at its own instant the ones with a
 *       smaller id, and itself. With delay &gt; 0 all events at time t-d count. For labels (time = event_time of the
 *       transaction that the label is about, id = its transaction_id): only those that have arrived; label windows with
 *       delay 0 include labels at time &lt;= t whatever their id.
 *   <li>A repeat (same time and same id in the same log) changes nothing and gets the values of its own place: as if it
 *       were the current event, itself counted once (where/value of the remembered one).
 *   <li>Retention R of a log = the longest window + delay over its aggregations. The horizon of a key = newest time of the
 *       key's transactions so far, the current one included, minus R (of that log). Events with time &lt;= horizon are
 *       forgotten: they count no more, even for a late event. A late transaction at or before its log's horizon is not
 *       remembered, but sees itself (delay 0) and what is remembered in its window. A late label likewise is not
 *       remembered. So: an event late by L sees every window exactly for which window + delay + L &lt;= R. State is bounded
 *       by R per key. Forgetting is exact in what is seen; bytes are given back a little later.
 *   <li>LAST and SECONDS_SINCE_LAST are of the last event before the current one. LAST of profile is the value of the
 *       newest profile (of equal times the one that came last) that has arrived, whatever the transaction's time.
 * </ul>
 *
 * <p>As long as a key has had no transaction it has no horizon, and every label is remembered. A NaN is a null.
 *
 * <p>Results are doubles, NaN where there is none: AVERAGE, VARIANCE, MIN, MAX, LAST, SECONDS_SINCE_LAST of nothing, and
 * COUNT_SAME of null. Sums are kept as exact integers, so no result depends on the order in which events came or went; the
 * one rounding is in the end: SUM = sum / 10^scale, AVERAGE = sum / (n * 10^scale), VARIANCE = (n * squares - sum^2) /
 * (n * n * 10^(2 * scale)), where every parenthesis is rounded to a double and then divided. This holds for up to nine
 * million events in a window.
 *
 * <p>The cost of an event does not grow with the events in the windows; a late one costs in proportion to the events that
 * are younger. Not thread-safe.
 */
public final class KeyHistory {
  private static final int MAGIC = 0xF1;
  // Measured on the heap, with this project's plans: what this takes beside its nodes and pages.
  private static final long OWN_MEMORY = 2_000;
  // Fixed values have at most twelve digits and times fit beside the longest window, so that nothing overflows.
  private static final long FIXED_LIMIT = 1_000_000_000_000L;
  private static final long TIME_LIMIT = 1L << 60;

  private final Plan plan;
  private final Pages pages;
  private final Store store;
  private final EventLog transactions;
  private final EventLog labels;
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
    transactions = log(Source.TRANSACTION);
    labels = log(Source.LABEL);
    profile = new Profile(plan);
  }

  private EventLog log(Source of) {
    return plan.log(of) == null ? null : new EventLog(plan.log(of), store);
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
    if (labels != null) {
      labels.seek(time, null);
      Results.fillLasts(labels, time, out);
      Results.fill(labels, null, 0, out);
      labels.forget();
    }
    if (transactions == null) {
      return;
    }
    transactions.seek(time, id);
    Results.fillLasts(transactions, time, out);
    LogPlan log = transactions.plan;
    long flags = log.flags(mask, absent);
    if (time <= transactions.horizon()) {
      Chunk alone = new Chunk(log, 1);
      alone.insert(0, time, id, flags, remembered(log, values, absent));
      transactions.aggregates.pass(0, alone, 0, true);
      Results.fill(transactions, alone, 0, out);
      transactions.aggregates.pass(0, alone, 0, false);
    } else {
      if (!transactions.isNext(time, id)) {
        transactions.insert(time, id, flags, remembered(log, values, absent));
      }
      transactions.next((chunk, i) -> {
        Results.fill(transactions, chunk, i, out);
        return false;
      });
    }
    transactions.forget();
  }

  /**
   * Remembers a label, if an aggregation is of labels.
   *
   * @param time event time, in microseconds, of the transaction that the label is about
   * @param id its transaction_id as UTF-8; copied
   * @param mask as in {@link #transaction}; so are values, nulls and errors
   */
  public void label(long time, byte[] id, long mask, long[] values, long nulls) {
    long absent = check(time, values, nulls);
    open();
    if (labels != null) {
      changed = true;
      labels.insertAnywhere(time, id, labels.plan.flags(mask, absent), remembered(labels.plan, values, absent));
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
    if (transactions != null) {
      transactions.write(header);
    }
    if (labels != null) {
      labels.write(header);
    }
    if (store.flush(header)) {
      release();
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
    for (EventLog log : new EventLog[] {seen.transactions, seen.labels}) {
      if (log != null) {
        log.seek(atTime, null);
        Results.fillLasts(log, atTime, out);
        Results.fill(log, null, 0, out);
      }
    }
    return Description.of(plan, seen.store, seen.transactions, seen.labels, seen.profile, out);
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
    if (transactions != null) {
      transactions.read(from);
    }
    if (labels != null) {
      labels.read(from);
    }
    store.read(from);
    if (time != Long.MIN_VALUE) {
      moveHorizon(time);
    }
  }

  private void moveHorizon(long time) {
    newest = time;
    if (transactions != null) {
      transactions.forgetUntil(newest);
    }
    if (labels != null) {
      labels.forgetUntil(newest);
    }
  }

  private void release() {
    if (transactions != null) {
      transactions.release();
    }
    if (labels != null) {
      labels.release();
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
            plan.values().get(i).name() + " has more than twelve digits");
      } else if (type == Type.DOUBLE && Double.isNaN(Double.longBitsToDouble(values[i]))) {
        absent |= 1L << i;
      }
    }
    return absent;
  }

  private static long[] remembered(LogPlan log, long[] values, long nulls) {
    long[] kept = new long[log.columns.length];
    for (int i = 0; i < kept.length; i++) {
      kept[i] = (nulls >>> log.columns[i] & 1) == 0 ? values[log.columns[i]] : 0;
    }
    return kept;
  }
}
