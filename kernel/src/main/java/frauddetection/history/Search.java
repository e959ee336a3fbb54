package frauddetection.history;

/** Finds the transaction that a label is about. */
final class Search {
  /**
   * Microseconds by which the time that a label has for its transaction may differ from the transaction's own: a source that keeps
   * whole seconds cuts or rounds by less than this.
   */
  static final long SAME_TIME = 1_000_000;

  /** Event i of a chunk. */
  record Place(Chunk chunk, int i) {}

  private Search() {}

  /**
   * Returns where the remembered transaction of this id is, of several the nearest to this time, of equally near ones the first; null
   * if there is none within {@link #SAME_TIME}. What is looked at are the transactions of these two seconds, and on the way to them one
   * chunk of many.
   */
  static Place find(EventLog log, long time, byte[] id) {
    Place found = null;
    for (Chunk chunk = start(log, time - SAME_TIME); chunk != null && chunk.times[0] <= time + SAME_TIME; chunk = log.after(chunk)) {
      for (int i = 0; i < chunk.size; i++) {
        long far = Math.abs(chunk.times[i] - time);
        boolean nearer = found == null ? far <= SAME_TIME : far < Math.abs(found.chunk.times[found.i] - time);
        if (nearer && chunk.times[i] > log.horizon() && chunk.hasId(i, id)) {
          found = new Place(chunk, i);
        }
      }
    }
    return found;
  }

  /** Returns the last chunk that begins before this time, or one before it, or the first one; null if there is no event. */
  private static Chunk start(EventLog log, long time) {
    int nearest = 0;
    for (int edge = 1; edge < log.plan.offsets.length; edge++) {
      nearest = Math.abs(log.reach(edge) - time) < Math.abs(log.reach(nearest) - time) ? edge : nearest;
    }
    Chunk chunk = log.chunk(nearest);
    if (chunk == null) {
      return null;
    }
    // Chunks are opened as they are needed: each may be a page to read.
    Chunk other = chunk;
    while (other != null && (chunk = other).times[0] >= time) {
      other = log.before(chunk);
    }
    other = chunk;
    while (other != null && (chunk = other).times[chunk.size - 1] < time) {
      other = log.after(chunk);
    }
    return chunk;
  }
}
