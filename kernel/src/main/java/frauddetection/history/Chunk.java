package frauddetection.history;

import java.util.Arrays;

/** A run of events in their order, (time, id), each with its label if it has one, and a link of the list that is a log. */
final class Chunk extends Store.Node {
  private final LogPlan plan;
  private final int columns;
  int previous;
  int next;
  int size;
  long[] times;
  long[] flags;
  long[] values;
  // Of an event with a label: when that became known, and the rank of who said so.
  private long[] labelledAt;
  private int[] labelRank;
  // Ids stay where they were read: most are never looked at.
  private byte[][] idSource;
  private int[] idFrom;
  private int[] idLength;
  // Bytes of those that came since, each in an array of its own.
  private int ids;

  Chunk(LogPlan plan, int room) {
    this.plan = plan;
    columns = plan.columns.length;
    times = new long[room];
    flags = new long[room];
    values = new long[room * columns];
    labelledAt = new long[room];
    labelRank = new int[room];
    idSource = new byte[room][];
    idFrom = new int[room];
    idLength = new int[room];
  }

  static Chunk read(Reader from, LogPlan plan) {
    int size = from.number();
    Chunk chunk = new Chunk(plan, size + 1);
    chunk.size = size;
    chunk.previous = from.number();
    chunk.next = from.number();
    long time = 0;
    for (int i = 0, value = 0; i < size; i++) {
      time += i == 0 ? from.signed() : from.unsigned();
      chunk.times[i] = time;
      chunk.idLength[i] = from.number();
      chunk.idSource[i] = from.bytes;
      chunk.idFrom[i] = from.at;
      from.at += chunk.idLength[i];
      chunk.flags[i] = from.unsigned();
      if (chunk.isLabelled(i)) {
        chunk.labelledAt[i] = time + from.signed();
        chunk.labelRank[i] = from.number();
      }
      for (int column = 0; column < chunk.columns; column++, value++) {
        if (!chunk.isNull(i, column)) {
          chunk.values[value] = plan.types[column] == Plan.Type.FIXED ? from.signed() : from.fixed();
        }
      }
    }
    return chunk;
  }

  @Override
  void write(Writer to) {
    to.unsigned(size);
    to.unsigned(previous);
    to.unsigned(next);
    for (int i = 0, value = 0; i < size; i++) {
      if (i == 0) {
        to.signed(times[0]);
      } else {
        to.unsigned(times[i] - times[i - 1]);
      }
      to.unsigned(idLength[i]);
      to.raw(idSource[i], idFrom[i], idLength[i]);
      to.unsigned(flags[i]);
      if (isLabelled(i)) {
        to.signed(labelledAt[i] - times[i]);
        to.unsigned(labelRank[i]);
      }
      for (int column = 0; column < columns; column++, value++) {
        if (isNull(i, column)) {
          continue;
        }
        if (plan.types[column] == Plan.Type.FIXED) {
          to.signed(values[value]);
        } else {
          to.fixed(values[value]);
        }
      }
    }
  }

  @Override
  int memory() {
    return 200 + times.length * ((3 + columns) * Long.BYTES + 4 * Integer.BYTES) + ids;
  }

  boolean isNull(int i, int column) {
    return (flags[i] >>> column & 1) != 0;
  }

  boolean isLabelled(int i) {
    return (flags[i] & plan.labelled) != 0;
  }

  /** Whether a label that became known then, by somebody of this rank, counts in place of the one that the event may have. */
  boolean yieldsTo(int i, long at, int rank) {
    return !isLabelled(i) || at > labelledAt[i] || at == labelledAt[i] && rank > labelRank[i];
  }

  /** Takes over the label's flags, and those of the values that are the label's. */
  void label(int i, long at, int rank, long labelFlags, long[] eventValues) {
    flags[i] = plan.relabelled(flags[i], labelFlags);
    labelledAt[i] = at;
    labelRank[i] = rank;
    for (int column = 0; column < columns; column++) {
      if (plan.columns[column].source() == Plan.Source.LABEL) {
        values[i * columns + column] = eventValues[column];
      }
    }
  }

  long value(int i, int column) {
    return values[i * columns + column];
  }

  byte[] id(int i) {
    return Arrays.copyOfRange(idSource[i], idFrom[i], idFrom[i] + idLength[i]);
  }

  /** Of an event with a label: when that became known. */
  long labelledAt(int i) {
    return labelledAt[i];
  }

  /** Of an event with a label: the rank of who said so. */
  int labelRank(int i) {
    return labelRank[i];
  }

  /** Compares event i with (time, id); a null id stands after all ids of its time. */
  int compare(int i, long time, byte[] id) {
    if (times[i] != time) {
      return times[i] < time ? -1 : 1;
    }
    return id == null ? -1
        : Arrays.compareUnsigned(idSource[i], idFrom[i], idFrom[i] + idLength[i], id, 0, id.length);
  }

  boolean hasId(int i, byte[] id) {
    return Arrays.equals(idSource[i], idFrom[i], idFrom[i] + idLength[i], id, 0, id.length);
  }

  /** Compares event i with event j of another chunk of the same log: chunks follow each other, so that their first events decide. */
  boolean isBefore(int i, Chunk other, int j) {
    if (other == this) {
      return i < j;
    }
    int first = Long.compare(times[0], other.times[0]);
    return first != 0 ? first < 0
        : Arrays.compareUnsigned(idSource[0], idFrom[0], idFrom[0] + idLength[0],
            other.idSource[0], other.idFrom[0], other.idFrom[0] + other.idLength[0]) < 0;
  }

  void insert(int i, long time, byte[] id, long eventFlags, long[] eventValues) {
    reserve(size + 1);
    move(i, this, i + 1, size - i);
    size++;
    times[i] = time;
    flags[i] = eventFlags;
    idSource[i] = id.clone();
    idFrom[i] = 0;
    idLength[i] = id.length;
    ids += 16 + id.length;
    System.arraycopy(eventValues, 0, values, i * columns, columns);
  }

  /** Moves the events from here on to the front of an empty chunk. */
  void moveTail(int from, Chunk to) {
    to.reserve(size - from);
    move(from, to, 0, size - from);
    to.size = size - from;
    size = from;
  }

  private void reserve(int room) {
    if (room > times.length) {
      int more = Math.max(room, 2 * times.length);
      times = Arrays.copyOf(times, more);
      flags = Arrays.copyOf(flags, more);
      values = Arrays.copyOf(values, more * columns);
      labelledAt = Arrays.copyOf(labelledAt, more);
      labelRank = Arrays.copyOf(labelRank, more);
      idSource = Arrays.copyOf(idSource, more);
      idFrom = Arrays.copyOf(idFrom, more);
      idLength = Arrays.copyOf(idLength, more);
    }
  }

  private void move(int from, Chunk to, int at, int count) {
    System.arraycopy(times, from, to.times, at, count);
    System.arraycopy(flags, from, to.flags, at, count);
    System.arraycopy(values, from * columns, to.values, at * columns, count * columns);
    System.arraycopy(labelledAt, from, to.labelledAt, at, count);
    System.arraycopy(labelRank, from, to.labelRank, at, count);
    System.arraycopy(idSource, from, to.idSource, at, count);
    System.arraycopy(idFrom, from, to.idFrom, at, count);
    System.arraycopy(idLength, from, to.idLength, at, count);
  }
}
