package frauddetection.history;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The nodes of one key: decoded when they are asked for, encoded when they have changed. As long as all of them fit
 * beside the header they lie inside page 0; from then on each has a page of its own.
 */
final class Store {
  /** Sizes that decide when a state spills and when a node splits; the tests make them tiny. */
  record Limits(int inlineBytes, int chunkEvents, int nodeEntries, int loadedNodes) {
    // 350 events of 45 bytes fit into one page; a node is small, since it is encoded whole when one entry changes.
    static final Limits USUAL = new Limits(16_384, 32, 64, 512);
  }

  /** Something that is stored as one run of bytes. */
  abstract static class Node {
    int page;
    private boolean changed;
    private int counted;

    abstract void write(Writer to);

    /** About how many bytes of memory this takes. */
    abstract int memory();
  }

  private static final class Entry {
    Node node;
    byte[] bytes;
    int from;
    int length;
  }

  final Limits limits;
  private final Pages pages;
  // Sorted, so that equal states are equal bytes.
  private final Map<Integer, Entry> entries = new TreeMap<>();
  private final List<Node> changed = new ArrayList<>();
  private final List<Integer> removed = new ArrayList<>();
  private boolean spilled;
  private int nextPage = 1;
  private int nodes;
  private long bytes;
  private int pagesRead;
  private long bytesRead;
  private long memory;

  Store(Pages pages, Limits limits) {
    this.pages = pages;
    this.limits = limits;
  }

  /** Number of pages, page 0 included, when the state was read. */
  int pagesRead() {
    return pagesRead;
  }

  /** Bytes of all pages when the state was read. */
  long bytesRead() {
    return bytesRead;
  }

  /** About how many bytes of memory the decoded nodes take, with the pages of which they were read. */
  long memory() {
    return memory;
  }

  /** The node of this page if it is decoded, else null. */
  Node loaded(int page) {
    Entry entry = entries.get(page);
    return entry == null ? null : entry.node;
  }

  /** A reader at the first byte of this page's node. */
  Reader open(int page) {
    Entry entry = entries.get(page);
    if (entry != null) {
      return new Reader(entry.bytes, entry.from);
    }
    byte[] found = pages.get(page);
    if (found == null) {
      throw new IllegalStateException("Page " + page + " of the state is missing");
    }
    entry = new Entry();
    entry.length = found.length;
    entries.put(page, entry);
    return new Reader(found, 0);
  }

  <N extends Node> N adopt(int page, N node) {
    node.page = page;
    Entry entry = entries.get(page);
    entry.node = node;
    count(node, node.memory() + (spilled ? entry.length : 0));
    return node;
  }

  <N extends Node> N create(N node) {
    node.page = nextPage++;
    Entry entry = new Entry();
    entry.node = node;
    entries.put(node.page, entry);
    nodes++;
    changed(node);
    return node;
  }

  void changed(Node node) {
    if (!node.changed) {
      node.changed = true;
      changed.add(node);
    }
    count(node, node.memory());
  }

  private void count(Node node, int now) {
    memory += now - node.counted;
    node.counted = now;
  }

  void remove(Node node) {
    Entry entry = entries.remove(node.page);
    bytes -= entry.length;
    nodes--;
    count(node, 0);
    if (spilled && entry.length > 0) {
      removed.add(node.page);
    }
  }

  /** Takes over what page 0 says after the header. */
  void read(Reader from) {
    nextPage = from.number();
    nodes = from.number();
    bytes = from.unsigned();
    spilled = from.number() == 1;
    pagesRead = spilled ? 1 + nodes : 1;
    memory = from.bytes.length;
    bytesRead = from.bytes.length + (spilled ? bytes : 0);
    for (int i = 0; i < nodes && !spilled; i++) {
      Entry entry = new Entry();
      int page = from.number();
      entry.length = from.number();
      entry.bytes = from.bytes;
      entry.from = from.at;
      from.at += entry.length;
      entries.put(page, entry);
    }
  }

  /** Writes page 0 and, once spilled, every page that changed. Returns whether all decoded nodes were let go. */
  boolean flush(Writer header) {
    Writer writer = new Writer();
    for (Node node : changed) {
      Entry entry = entries.get(node.page);
      node.changed = false;
      if (entry != null && entry.node == node) {
        writer.clear();
        node.write(writer);
        bytes += writer.size() - entry.length;
        entry.bytes = writer.toBytes();
        entry.from = 0;
        entry.length = writer.size();
        if (spilled) {
          pages.put(node.page, entry.bytes);
          entry.bytes = null;
        }
      }
    }
    changed.clear();
    removed.forEach(pages::remove);
    removed.clear();
    if (!spilled && header.size() + bytes > limits.inlineBytes) {
      spill();
    }
    header.unsigned(nextPage);
    header.unsigned(nodes);
    header.unsigned(bytes);
    header.unsigned(spilled ? 1 : 0);
    if (!spilled) {
      header.reserve((int) bytes + 8 * nodes);
      entries.forEach((page, entry) -> {
        header.unsigned(page);
        header.unsigned(entry.length);
        header.raw(entry.bytes, entry.from, entry.length);
      });
    }
    pages.put(0, header.toBytes());
    boolean crowded = spilled && entries.size() > limits.loadedNodes;
    if (crowded) {
      entries.clear();
      memory = 0;
    }
    return crowded;
  }

  private void spill() {
    spilled = true;
    entries.forEach((page, entry) -> {
      byte[] own = new byte[entry.length];
      System.arraycopy(entry.bytes, entry.from, own, 0, entry.length);
      pages.put(page, own);
      // A node that is not decoded is read again from its own page.
      entry.bytes = own;
      entry.from = 0;
    });
  }
}
