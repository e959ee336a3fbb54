package frauddetection.history;

/**
 * Where the state of one key lives: numbered pages of bytes, such as a map state of Spark on RocksDB.
 *
 * <p>Arrays are handed over: neither side changes one that it has given or been given.
 */
public interface Pages {
  /** Returns the bytes last put under this number, or null if there are none. */
  byte[] get(int page);

  /** Keeps these bytes under this number, in place of any before. */
  void put(int page, byte[] bytes);

  /** Forgets this number; nothing happens if there was nothing. */
  void remove(int page);
}
