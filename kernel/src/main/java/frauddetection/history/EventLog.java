package frauddetection.history;

import java.util.Arrays;

/**
 * The transactions of a key in their order, with their labels, as a linked list of chunks, and the edges of all windows in it.
 *
 * <p>An edge stands between two events. It is never behind the last event of a chunk that has a next one. Moving it costs
 * in proportion to the events that it passes.
 */
final class EventLog {
  /** Takes an event; returns whether it wants the one before. */
  interface Visitor {
    boolean visit(Chunk chunk, int i);
  }

  final LogPlan plan;
  final Aggregates aggregates;
  private final Store store;
  private int head;
  /** The edges stand as the last transaction saw them: at this time less their offset, but not before the horizon. */
  private long asOf = Long.MIN_VALUE;
  private long horizon = Long.MIN_VALUE;
  private final Chunk[] chunks;
  private final int[] pages;
  private final int[] indices;

  EventLog(LogPlan plan, Store store) {
    this.plan = plan;
    this.store = store;
    aggregates = new Aggregates(plan, store);
    chunks = new Chunk[plan.offsets.length];
    pages = new int[chunks.length];
    indices = new int[chunks.length];
  }

  /** Moves the horizon, which does not move back, to this long before the key's newest transaction. */
  void forgetUntil(long newest) {
    horizon = newest - plan.retention;
  }

  long horizon() {
    return horizon;
  }

  /** Puts all edges where an event (time, id) sees them; edge 0 stands just before that event. */
  void seek(long time, byte[] id) {
    // Forward, an event enters a window before it leaves it; backward the other way round: no count is ever negative.
    boolean forward = time >= asOf;
    asOf = time;
    for (int i = 0; i < chunks.length; i++) {
      int edge = forward ? i : chunks.length - 1 - i;
      move(edge, reach(edge), edge == 0 && time > horizon ? id : null);
    }
  }

  /** The time up to which events are before this edge. */
  long reach(int edge) {
    return asOf == Long.MIN_VALUE ? asOf : Math.max(asOf - plan.offsets[edge], horizon);
  }

  private void move(int edge, long time, byte[] id) {
    Chunk chunk = chunk(edge);
    if (chunk == null) {
      return;
    }
    int i = indices[edge];
    if (i < chunk.size && chunk.compare(i, time, id) < 0) {
      do {
        step(edge);
        chunk = chunks[edge];
        i = indices[edge];
      } while (i < chunk.size && chunk.compare(i, time, id) < 0);
    } else {
      retreat(edge, chunk, i, time, id);
    }
  }

  /** The edge passes the event after it. */
  private void step(int edge) {
    Chunk chunk = chunks[edge];
    int i = indices[edge];
    aggregates.pass(edge, chunk, i, true);
    if (i + 1 == chunk.size && chunk.next != 0) {
      place(edge, open(chunk.next), 0);
    } else {
      indices[edge] = i + 1;
    }
  }

  private void retreat(int edge, Chunk from, int at, long time, byte[] id) {
    Chunk chunk = from;
    int i = at;
    while (i > 0 || chunk.page != head) {
      Chunk before = i > 0 ? chunk : open(chunk.previous);
      int last = i > 0 ? i - 1 : before.size - 1;
      if (before.compare(last, time, id) < 0) {
        break;
      }
      chunk = before;
      i = last;
      aggregates.pass(edge, chunk, i, false);
    }
    place(edge, chunk, i);
  }

  /** Whether the event after edge 0 is this one. */
  boolean isNext(long time, byte[] id) {
    Chunk chunk = chunk(0);
    return chunk != null && indices[0] < chunk.size && chunk.compare(indices[0], time, id) == 0;
  }

  /** Passes the event after edge 0 to the visitor, and edge 0 over it. */
  void next(Visitor visitor) {
    Chunk chunk = chunks[0];
    int i = indices[0];
    step(0);
    visitor.visit(chunk, i);
  }

  /** Puts an event where edge 0 stands, after all other edges. */
  void insert(long time, byte[] id, long flags, long[] values) {
    Chunk chunk = chunk(0);
    if (chunk == null) {
      chunk = store.create(new Chunk(plan, 1));
      head = chunk.page;
      for (int edge = 0; edge < chunks.length; edge++) {
        place(edge, chunk, 0);
      }
    } else if (chunk.size >= store.limits.chunkEvents()) {
      split(chunk, indices[0] == chunk.size ? chunk.size : chunk.size / 2);
      chunk = chunks[0];
    }
    int i = indices[0];
    chunk.insert(i, time, id, flags, values);
    store.changed(chunk);
    for (int edge = 1; edge < chunks.length; edge++) {
      boolean before = time <= reach(edge);
      if (pages[edge] == chunk.page && (indices[edge] > i || indices[edge] == i && before)) {
        indices[edge]++;
      }
      if (before) {
        aggregates.insertBefore(edge, chunk, i);
      }
    }
  }

  /**
   * Gives the remembered transaction of this id its label, in place of one that counts less. Returns whether anything changed: not if
   * the transaction is not known, or forgotten.
   *
   * @param time what the label says of the transaction's time
   * @param at when the label became known
   */
  boolean label(long time, byte[] id, long at, int rank, long flags, long[] values) {
    Search.Place place = Search.find(this, time, id);
    if (place == null || !place.chunk().yieldsTo(place.i(), at, rank)) {
      return false;
    }
    Chunk chunk = place.chunk();
    int i = place.i();
    for (int edge = chunks.length - 1; edge >= 0; edge--) { // as in seek: no count is ever negative
      if (isBefore(chunk, i, edge)) {
        aggregates.labelGoes(edge, chunk, i);
      }
    }
    chunk.label(i, at, rank, flags, values);
    store.changed(chunk);
    for (int edge = 0; edge < chunks.length; edge++) {
      if (isBefore(chunk, i, edge)) {
        aggregates.labelComes(edge, chunk, i);
      }
    }
    return true;
  }

  private boolean isBefore(Chunk chunk, int i, int edge) {
    return edge > 0 ? chunk.times[i] <= reach(edge) : chunk.isBefore(i, chunk(0), indices[0]);
  }

  /** The first chunk, null if there is no event. */
  Chunk first() {
    return head == 0 ? null : open(head);
  }

  /** The chunk after this one, null if it is the last. */
  Chunk after(Chunk chunk) {
    return chunk.next == 0 ? null : open(chunk.next);
  }

  /** The chunk before this one, null if it is the first. */
  Chunk before(Chunk chunk) {
    return chunk.page == head ? null : open(chunk.previous);
  }

  private void split(Chunk chunk, int from) {
    Chunk upper = store.create(new Chunk(plan, 1));
    chunk.moveTail(from, upper);
    upper.previous = chunk.page;
    upper.next = chunk.next;
    chunk.next = upper.page;
    store.changed(chunk);
    Chunk after = after(upper);
    if (after != null) {
      after.previous = upper.page;
      store.changed(after);
    }
    for (int edge = 0; edge < chunks.length; edge++) {
      if (pages[edge] == chunk.page && indices[edge] >= from) {
        place(edge, upper, indices[edge] - from);
      }
    }
  }

  /** Lets go of chunks of which all events are forgotten. No edge of a window is in one after a seek. */
  void forget() {
    while (head != 0) {
      Chunk first = open(head);
      if (first.times[first.size - 1] > horizon) {
        return;
      }
      Chunk second = after(first);
      for (int edge = 0; edge < chunks.length; edge++) {
        if (pages[edge] == head) {
          place(edge, second, 0);
        }
      }
      head = first.next;
      store.remove(first);
    }
  }

  /** Shows the events before this edge, youngest first, as long as they are remembered and wanted. */
  void backwardFrom(int edge, Visitor visitor) {
    Chunk chunk = chunk(edge);
    int i = indices[edge];
    while (chunk != null) {
      while (--i >= 0) {
        if (chunk.times[i] <= horizon || !visitor.visit(chunk, i)) {
          return;
        }
      }
      chunk = before(chunk);
      i = chunk == null ? 0 : chunk.size;
    }
  }

  /** The chunk in which this edge stands; null if there is no event. */
  Chunk chunk(int edge) {
    if (chunks[edge] == null && pages[edge] != 0) {
      chunks[edge] = open(pages[edge]);
    }
    return chunks[edge];
  }

  private void place(int edge, Chunk chunk, int i) {
    chunks[edge] = chunk;
    pages[edge] = chunk == null ? 0 : chunk.page;
    indices[edge] = i;
  }

  private Chunk open(int page) {
    Store.Node loaded = store.loaded(page);
    return loaded != null ? (Chunk) loaded
        : store.adopt(page, Chunk.read(store.open(page), plan));
  }

  /** Lets go of all decoded nodes; none may have changed since the last flush. */
  void release() {
    Arrays.fill(chunks, null);
    aggregates.release();
  }

  void write(Writer to) {
    to.unsigned(head);
    to.signed(asOf);
    for (int edge = 0; edge < chunks.length; edge++) {
      to.unsigned(pages[edge]);
      to.unsigned(indices[edge]);
    }
    aggregates.write(to);
  }

  void read(Reader from) {
    head = from.number();
    asOf = from.signed();
    for (int edge = 0; edge < chunks.length; edge++) {
      pages[edge] = from.number();
      indices[edge] = from.number();
    }
    aggregates.read(from);
  }
}
