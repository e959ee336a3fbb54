package frauddetection.history;

import java.util.HashMap;
import java.util.Map;

/** Pages in a map, with what a state store would count. */
final class MapPages implements Pages {
  final Map<Integer, byte[]> pages = new HashMap<>();
  long reads;
  long writes;
  long bytesWritten;

  @Override
  public byte[] get(int page) {
    reads++;
    return pages.get(page);
  }

  @Override
  public void put(int page, byte[] bytes) {
    writes++;
    bytesWritten += bytes.length;
    pages.put(page, bytes);
  }

  @Override
  public void remove(int page) {
    pages.remove(page);
  }

  long bytes() {
    return pages.values().stream().mapToLong(bytes -> bytes.length).sum();
  }
}
