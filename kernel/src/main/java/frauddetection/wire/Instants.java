package frauddetection.wire;

import java.nio.charset.StandardCharsets;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Locale;

/** Instants as the contract writes them: 2026-11-24T10:00:00.250000Z. */
public final class Instants {
  private static final DateTimeFormatter FORM = DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSSSSS'Z'", Locale.ROOT);
  private static final byte[] ZEROS = "0000-00-00T00:00:00.000000Z".getBytes(StandardCharsets.ISO_8859_1);
  private static final long MICROS = 1_000_000L;
  private static final long NANOS_OF_MICRO = 1_000L;
  private static final int FIRST_OF_FOUR_DIGITS = 1_000;
  private static final int LAST_OF_FOUR_DIGITS = 9_999;
  private static final int TEN = 10;

  // Where each part ends.
  private static final int YEAR = 4;
  private static final int MONTH = 7;
  private static final int DAY = 10;
  private static final int HOUR = 13;
  private static final int MINUTE = 16;
  private static final int SECOND = 19;
  private static final int MICRO = 26;

  private Instants() {}

  /** Returns the text in ASCII. By hand for the years that there are: a formatter takes some ten times as long. */
  public static byte[] text(long micros) {
    LocalDateTime time = LocalDateTime.ofEpochSecond(Math.floorDiv(micros, MICROS), 0, ZoneOffset.UTC);
    int micro = (int) Math.floorMod(micros, MICROS);
    if (time.getYear() < FIRST_OF_FOUR_DIGITS || time.getYear() > LAST_OF_FOUR_DIGITS) {
      return FORM.format(time.plusNanos(micro * NANOS_OF_MICRO)).getBytes(StandardCharsets.ISO_8859_1);
    }
    byte[] text = ZEROS.clone();
    put(text, YEAR, time.getYear());
    put(text, MONTH, time.getMonthValue());
    put(text, DAY, time.getDayOfMonth());
    put(text, HOUR, time.getHour());
    put(text, MINUTE, time.getMinute());
    put(text, SECOND, time.getSecond());
    put(text, MICRO, micro);
    return text;
  }

  /** Writes a number over the zeros that stand there, so that it ends before a place. */
  private static void put(byte[] text, int end, int number) {
    int place = end;
    for (int left = number; left > 0; left /= TEN) {
      text[--place] = (byte) ('0' + left % TEN);
    }
  }
}
