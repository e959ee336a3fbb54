package frauddetection.spark;

import frauddetection.history.KeyHistory;
import frauddetection.history.Pages;
import frauddetection.history.Plan;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The histories of the keys that a task has met since the last commit: decoded once, and written once, before the next commit or when they
 * take too much memory: the one that was used longest ago first, and at once the one that alone takes a sixteenth.
 */
final class Histories {
  // A key in which too much happens would else drive out all others.
  private static final int SHARES = 16;

  private static final class Kept {
    final KeyHistory history;
    long bytes;

    Kept(KeyHistory history) {
      this.history = history;
    }
  }

  private final Plan plan;
  private final Pages pages;
  private final long limit;
  private final Map<String, Kept> kept = new LinkedHashMap<>(16, 0.75f, true);
  private long bytes;

  /**
   * No histories yet.
   *
   * @param pages those of the key at work, as Spark has them
   * @param limit bytes of memory
   */
  Histories(Plan plan, Pages pages, long limit) {
    this.plan = plan;
    this.pages = pages;
    this.limit = limit;
  }

  /** Returns the history of the key at work. */
  KeyHistory of(String key) {
    return kept.computeIfAbsent(key, any -> new Kept(new KeyHistory(plan, pages))).history;
  }

  /** To be called when the history of the key at work has been used. */
  void used(String key) {
    Kept used = kept.get(key);
    bytes -= used.bytes;
    used.bytes = used.history.memory();
    if (used.bytes > limit / SHARES) {
      used.bytes = 0;
      kept.remove(key);
      used.history.flush();
      return;
    }
    bytes += used.bytes;
    for (Iterator<Map.Entry<String, Kept>> oldest = kept.entrySet().iterator(); bytes > limit; oldest.remove()) {
      Map.Entry<String, Kept> one = oldest.next();
      bytes -= one.getValue().bytes;
      write(one.getKey(), one.getValue().history);
    }
  }

  /** Writes all that has changed, and lets go of it. */
  void flush() {
    kept.forEach((key, one) -> write(key, one.history));
    kept.clear();
    bytes = 0;
  }

  boolean isEmpty() {
    return kept.isEmpty();
  }

  private static void write(String key, KeyHistory history) {
    KeyAtWork.change(key, history::flush);
  }
}
