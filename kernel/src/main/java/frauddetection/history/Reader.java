package frauddetection.history;

/** Reads what {@link Writer} wrote. */
final class Reader {
  final byte[] bytes;
  int at;

  Reader(byte[] bytes, int at) {
    this.bytes = bytes;
    this.at = at;
  }

  int number() {
    return (int) unsigned();
  }

  long unsigned() {
    long result = bytes[at++];
    if (result >= 0) {
      return result;
    }
    result &= 0x7f;
    for (int shift = 7; ; shift += 7) {
      long next = bytes[at++];
      if (shift == 56) { // the ninth byte is whole
        return result | next << 56;
      }
      result |= (next & 0x7f) << shift;
      if (next >= 0) {
        return result;
      }
    }
  }

  long signed() {
    long zigzag = unsigned();
    return zigzag >>> 1 ^ -(zigzag & 1);
  }

  long fixed() {
    long result = (long) Writer.LONGS.get(bytes, at);
    at += Long.BYTES;
    return result;
  }
}
