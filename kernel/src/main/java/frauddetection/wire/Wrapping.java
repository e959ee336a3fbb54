package frauddetection.wire;

import java.nio.charset.StandardCharsets;

/** What a value looks like that is not JSON, as contract/decoding.py tells it: a hint for whoever reads the dead letter. */
public final class Wrapping {
  private static final int FRAME_BYTES = 5;
  private static final byte[][] COMPRESSED = {
    bytes("\u001f\u008b"),
    bytes("\u0028\u00b5\u002f\u00fd"),
    bytes("\u0004\"\u004d\u0018"),
    bytes("\u0082SNAPPY\u0000"),
    bytes("\u0078\u009c"),
    bytes("\u0078\u00da"),
  };

  private Wrapping() {}

  /** Returns a reason code, null where the value looks like none of these. */
  public static String of(byte[] value) {
    if (value.length > 0 && value[0] == '{') {
      return null; // as nearly all
    }
    for (byte[] beginning : COMPRESSED) {
      if (startsWith(value, beginning)) {
        return "compressed";
      }
    }
    return value.length > FRAME_BYTES && value[0] == 0 ? "schema_registry_frame" : null;
  }

  private static boolean startsWith(byte[] value, byte[] beginning) {
    if (value.length < beginning.length) {
      return false;
    }
    for (int i = 0; i < beginning.length; i++) {
      if (value[i] != beginning[i]) {
        return false;
      }
    }
    return true;
  }

  private static byte[] bytes(String latin) {
    return latin.getBytes(StandardCharsets.ISO_8859_1);
  }
}
