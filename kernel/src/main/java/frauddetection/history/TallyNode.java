package frauddetection.history;

import java.util.Arrays;

/**
 * A node of a {@link TallyTree}. A leaf holds keys and, for each key and slot, a count; an inner node holds its children,
 * each with a lower bound of its keys and the slots that count anything below it.
 */
final class TallyNode extends Store.Node {
  final boolean leaf;
  final boolean packed;
  final int slots;
  int size;
  /** The slots that count any key at or below this node. */
  long mask;
  long[] keys;
  /** Of a leaf: size * slots counts. */
  int[] counts;
  /** Of a leaf: how many keys each slot counts. */
  int[] alive;
  /** Of an inner node. */
  int[] children;
  long[] masks;
  TallyNode[] loaded;

  TallyNode(boolean leaf, boolean packed, int slots, int room) {
    this.leaf = leaf;
    this.packed = packed;
    this.slots = slots;
    keys = new long[room];
    if (leaf) {
      counts = new int[room * slots];
      alive = new int[slots];
    } else {
      children = new int[room];
      masks = new long[room];
      loaded = new TallyNode[room];
    }
  }

  static TallyNode read(Reader from, boolean packed, int slots) {
    boolean leaf = from.number() == 1;
    int size = from.number();
    TallyNode node = new TallyNode(leaf, packed, slots, size + 1);
    node.size = size;
    for (int i = 0; i < size; i++) {
      node.keys[i] = !packed ? from.fixed() : i == 0 ? from.signed() : node.keys[i - 1] + from.unsigned();
      if (leaf) {
        node.readCounts(from, i);
      } else {
        node.children[i] = from.number();
        node.masks[i] = from.unsigned();
      }
    }
    node.refreshMask();
    return node;
  }

  @Override
  void write(Writer to) {
    to.unsigned(leaf ? 1 : 0);
    to.unsigned(size);
    for (int i = 0; i < size; i++) {
      if (!packed) {
        to.fixed(keys[i]);
      } else if (i == 0) {
        to.signed(keys[0]);
      } else {
        to.unsigned(keys[i] - keys[i - 1]);
      }
      if (leaf) {
        writeCounts(to, i);
      } else {
        to.unsigned(children[i]);
        to.unsigned(masks[i]);
      }
    }
  }

  @Override
  int memory() {
    int entry = Long.BYTES + (leaf ? slots * Integer.BYTES : 2 * Long.BYTES);
    return 150 + keys.length * entry + slots * Integer.BYTES;
  }

  // Most keys are counted once, in few slots: one byte says which, and whether counts above one follow.
  private void writeCounts(Writer to, int i) {
    long counted = 0;
    boolean many = false;
    for (int slot = 0; slot < slots; slot++) {
      int count = counts[i * slots + slot];
      counted |= count > 0 ? 1L << slot : 0;
      many |= count > 1;
    }
    to.unsigned(counted << 1 | (many ? 1 : 0));
    for (int slot = 0; slot < slots && many; slot++) {
      if ((counted >>> slot & 1) != 0) {
        to.unsigned(counts[i * slots + slot]);
      }
    }
  }

  private void readCounts(Reader from, int i) {
    long header = from.unsigned();
    for (long rest = header >>> 1; rest != 0; rest &= rest - 1) {
      int slot = Long.numberOfTrailingZeros(rest);
      counts[i * slots + slot] = (header & 1) == 0 ? 1 : from.number();
      alive[slot]++;
    }
  }

  /** Brings the mask up to date with what the node holds. */
  void refreshMask() {
    mask = 0;
    for (int slot = 0; leaf && slot < slots; slot++) {
      mask |= alive[slot] > 0 ? 1L << slot : 0;
    }
    for (int i = 0; !leaf && i < size; i++) {
      mask |= masks[i];
    }
  }

  /** Of a leaf: the position of the key, or ~position where it would be. Of an inner node: the child to descend to. */
  int find(long key) {
    int found = Arrays.binarySearch(keys, 0, size, key);
    return leaf || found >= 0 ? found : Math.max(0, ~found - 1);
  }

  void insert(int i, long key) {
    reserve(size + 1);
    move(i, this, i + 1, size - i);
    size++;
    keys[i] = key;
    if (leaf) {
      Arrays.fill(counts, i * slots, (i + 1) * slots, 0);
    }
  }

  void remove(int i) {
    move(i + 1, this, i, size - i - 1);
    size--;
  }

  /** Moves the upper half into a new node. */
  TallyNode split() {
    int half = size / 2;
    TallyNode upper = new TallyNode(leaf, packed, slots, size - half);
    move(half, upper, 0, size - half);
    upper.size = size - half;
    size = half;
    for (int i = 0; leaf && i < upper.size; i++) {
      for (int slot = 0; slot < slots; slot++) {
        int one = upper.counts[i * slots + slot] > 0 ? 1 : 0;
        upper.alive[slot] += one;
        alive[slot] -= one;
      }
    }
    refreshMask();
    upper.refreshMask();
    return upper;
  }

  private void reserve(int room) {
    if (room <= keys.length) {
      return;
    }
    int more = Math.max(room, 2 * keys.length);
    keys = Arrays.copyOf(keys, more);
    if (leaf) {
      counts = Arrays.copyOf(counts, more * slots);
    } else {
      children = Arrays.copyOf(children, more);
      masks = Arrays.copyOf(masks, more);
      loaded = Arrays.copyOf(loaded, more);
    }
  }

  private void move(int from, TallyNode to, int at, int count) {
    System.arraycopy(keys, from, to.keys, at, count);
    if (leaf) {
      System.arraycopy(counts, from * slots, to.counts, at * slots, count * slots);
    } else {
      System.arraycopy(children, from, to.children, at, count);
      System.arraycopy(masks, from, to.masks, at, count);
      System.arraycopy(loaded, from, to.loaded, at, count);
    }
  }
}
