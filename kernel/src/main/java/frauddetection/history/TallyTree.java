package frauddetection.history;

/**
 * How often each value occurs in each of up to 63 windows ("slots"): a B+ tree by value, whose inner nodes know which
 * slots occur below, so that the least and greatest value of a slot are one descent away.
 */
final class TallyTree {
  private final Store store;
  private final int slots;
  private final boolean packed;
  private final int limit;
  private final long[] distinct;
  private int rootPage;
  private TallyNode root;
  // COUNT_SAME asks for one value once per window.
  private TallyNode foundIn;
  private int foundAt;

  /** Packed keys are small numbers close to each other, others are spread over all longs. */
  TallyTree(Store store, int slots, boolean packed) {
    this.store = store;
    this.slots = slots;
    this.packed = packed;
    limit = store.limits.nodeEntries();
    distinct = new long[slots];
  }

  /** The number of distinct values that this slot counts. */
  long distinct(int slot) {
    return distinct[slot];
  }

  /** How often this slot counts this value. */
  int count(long key, int slot) {
    if (foundIn == null || foundIn.keys[foundAt] != key) {
      TallyNode node = root();
      if (node == null) {
        return 0;
      }
      while (!node.leaf) {
        node = child(node, node.find(key));
      }
      foundAt = node.find(key);
      foundIn = foundAt < 0 ? null : node;
    }
    return foundIn == null ? 0 : foundIn.counts[foundAt * slots + slot];
  }

  /** The least value that this slot counts; there must be one. */
  long least(int slot) {
    return outermost(slot, true);
  }

  /** The greatest value that this slot counts; there must be one. */
  long greatest(int slot) {
    return outermost(slot, false);
  }

  private long outermost(int slot, boolean least) {
    TallyNode node = root();
    while (true) {
      int i = least ? 0 : node.size - 1;
      while (node.leaf ? node.counts[i * slots + slot] <= 0 : (node.masks[i] >>> slot & 1) == 0) {
        i += least ? 1 : -1;
      }
      if (node.leaf) {
        return node.keys[i];
      }
      node = child(node, i);
    }
  }

  /** Counts this value once more in the slots of one mask and once less in those of the other. */
  void add(long key, long more, long less) {
    if ((more | less) == 0) {
      return;
    }
    foundIn = null;
    if (root() == null) {
      root = store.create(new TallyNode(true, packed, slots, 1));
    }
    TallyNode upper = add(root, key, more, less);
    if (upper != null) {
      TallyNode top = store.create(new TallyNode(false, packed, slots, 2));
      link(top, 0, root.keys[0], root);
      link(top, 1, upper.keys[0], upper);
      top.refreshMask();
      root = top;
    }
    while (root != null && !root.leaf && root.size == 1) {
      TallyNode only = child(root, 0);
      store.remove(root);
      root = only;
    }
    if (root.size == 0) {
      store.remove(root);
      root = null;
    }
    rootPage = root == null ? 0 : root.page;
  }

  /** Returns the new right sibling if the node had to be split, else null. */
  private TallyNode add(TallyNode node, long key, long more, long less) {
    int i = node.find(key);
    if (node.leaf) {
      if (i < 0) {
        i = ~i;
        node.insert(i, key);
      }
      count(node, i, more, less);
      store.changed(node);
    } else {
      TallyNode child = child(node, i);
      if (key < node.keys[i]) { // only of the first child: its bound must stay below that of a sibling split from it
        node.keys[i] = key;
        store.changed(node);
      }
      TallyNode upper = add(child, key, more, less);
      if (child.size == 0) {
        node.remove(i);
        store.remove(child);
      } else if (node.masks[i] != child.mask) {
        node.masks[i] = child.mask;
      } else if (upper == null) {
        return null; // as in most cases: nothing above the leaf changes
      }
      if (upper != null) {
        link(node, i + 1, upper.keys[0], upper);
      }
      node.refreshMask();
      store.changed(node);
    }
    return node.size > limit ? store.create(node.split()) : null;
  }

  private void count(TallyNode leaf, int i, long more, long less) {
    for (long rest = more | less; rest != 0; rest &= rest - 1) {
      int slot = Long.numberOfTrailingZeros(rest);
      int before = leaf.counts[i * slots + slot];
      int after = before + (int) (more >>> slot & 1) - (int) (less >>> slot & 1);
      leaf.counts[i * slots + slot] = after;
      int change = Integer.signum(after) - Integer.signum(before);
      leaf.alive[slot] += change;
      leaf.mask = leaf.alive[slot] > 0 ? leaf.mask | 1L << slot : leaf.mask & ~(1L << slot);
      distinct[slot] += change;
    }
    for (int at = i * slots; at < (i + 1) * slots; at++) {
      if (leaf.counts[at] != 0) {
        return;
      }
    }
    leaf.remove(i);
  }

  private static void link(TallyNode parent, int i, long key, TallyNode child) {
    parent.insert(i, key);
    parent.children[i] = child.page;
    parent.loaded[i] = child;
    parent.masks[i] = child.mask;
  }

  private TallyNode child(TallyNode parent, int i) {
    if (parent.loaded[i] == null) {
      parent.loaded[i] = open(parent.children[i]);
    }
    return parent.loaded[i];
  }

  private TallyNode root() {
    if (root == null && rootPage != 0) {
      root = open(rootPage);
    }
    return root;
  }

  private TallyNode open(int page) {
    return store.adopt(page, TallyNode.read(store.open(page), packed, slots));
  }

  /** Lets go of all decoded nodes; none may have changed since the last flush. */
  void release() {
    root = null;
    foundIn = null;
  }

  void write(Writer to) {
    to.unsigned(rootPage);
    for (long number : distinct) {
      to.unsigned(number);
    }
  }

  void read(Reader from) {
    rootPage = from.number();
    for (int slot = 0; slot < slots; slot++) {
      distinct[slot] = from.unsigned();
    }
  }
}
