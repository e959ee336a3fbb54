package frauddetection.history;

import java.util.Map;

/**
 * Where the state of one key lives: numbered pages of bytes, such as a map state of Spark on RocksDB.
 *
 * <p>Arrays are handed over: neither side changes one that it has given or been given.
 */
public interface Pages {
  /** No pages, and none can be put: of a history that is never flushed. */
  Pages NONE = readOnly(Map.of());

  /** Returns these pages, by number, for a history that is never flushed: none can be put or removed. */
  static Pages readOnly(Map<Integer, byte[]> pages) {
    return new Pages() {
      @Override
      public byte[] get(int page) {
        return pages.get(page);
      }

      @Override
      public void put(int page, byte[] bytes) {
        throw new UnsupportedOperationException();
      }

      @Override
      public void remove(int page) {
        throw new UnsupportedOperationException();
      }
    };
  }

  /** Returns pages that are kept in this map, by number. */
  static Pages of(Map<Integer, byte[]> pages) {
    return new Pages() {
      @Override
      public byte[] get(int page) {
        return pages.get(page);
      }

      @Override
      public void put(int page, byte[] bytes) {
        pages.put(page, bytes);
      }

      @Override
      public void remove(int page) {
        pages.remove(page);
      }
    };
  }

  /** Returns the bytes last put under this number, or null if there are none. */
  byte[] get(int page);

  /** Keeps these bytes under this number, in place of any before. */
  void put(int page, byte[] bytes);

  /** Forgets this number; nothing happens if there was nothing. */
  void remove(int page);
}
