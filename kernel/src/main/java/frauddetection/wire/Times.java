package frauddetection.wire;

import java.time.LocalDate;
import java.time.YearMonth;

/** Texts to instants, as contract/scalars.py reads them: its pattern, written out, as each payment has one. */
final class Times {
  private static final int DATE = 10;
  private static final int SECOND = 19;
  private static final int TEN = 10;
  private static final int MICRO_DIGITS = 6;
  private static final int HOURS = 24;
  private static final int SIXTY = 60;
  private static final int MONTHS = 12;
  private static final int FIRST_YEAR = 1000;
  private static final int LAST_YEAR = 2999;
  private static final int ZONE_HOURS = 14;
  private static final long MICROS = 1_000_000;

  private Times() {}

  /** Returns the instant in microseconds; null where the text stands for none. What is finer is cut off. */
  static Long micros(String text) {
    if (text.length() <= SECOND || text.charAt(4) != '-' || text.charAt(7) != '-' || text.charAt(13) != ':' || text.charAt(16) != ':') {
      return null;
    }
    char between = text.charAt(DATE);
    int year = number(text, 0, 4);
    int month = number(text, 5, 7);
    int day = number(text, 8, DATE);
    int hour = number(text, 11, 13);
    int minute = number(text, 14, 16);
    int second = number(text, 17, SECOND);
    boolean isDate = year >= FIRST_YEAR && year <= LAST_YEAR && month >= 1 && month <= MONTHS && day >= 1;
    boolean isClock = hour >= 0 && hour < HOURS && minute >= 0 && minute < SIXTY && second >= 0 && second < SIXTY;
    if (!isDate || !isClock || between != 'T' && between != 't' && between != ' ' || day > YearMonth.of(year, month).lengthOfMonth()) {
      return null;
    }
    int zone = SECOND;
    long fraction = 0;
    if (text.charAt(zone) == '.') {
      int from = zone + 1;
      for (zone = from; zone < text.length() && isDigit(text.charAt(zone)); zone++) {
        fraction = zone - from < MICRO_DIGITS ? fraction * TEN + text.charAt(zone) - '0' : fraction;
      }
      if (zone == from) {
        return null;
      }
      for (int digits = zone - from; digits < MICRO_DIGITS; digits++) {
        fraction *= TEN;
      }
    }
    Integer offset = offsetMinutes(text, zone);
    if (offset == null) {
      return null;
    }
    long minutes = (LocalDate.of(year, month, day).toEpochDay() * HOURS + hour) * SIXTY + minute - offset;
    return (minutes * SIXTY + second) * MICROS + fraction;
  }

  /** Returns the minutes east of Greenwich that the text ends in; null where it ends in something else. */
  private static Integer offsetMinutes(String text, int from) {
    String zone = text.substring(from);
    if (zone.equals("Z") || zone.equals("z")) {
      return 0;
    }
    boolean hasColon = zone.length() == 6 && zone.charAt(3) == ':';
    if (zone.length() != 5 && !hasColon || zone.charAt(0) != '+' && zone.charAt(0) != '-') {
      return null;
    }
    int hours = number(zone, 1, 3);
    int minutes = number(zone, hasColon ? 4 : 3, zone.length());
    if (hours < 0 || hours > ZONE_HOURS || minutes < 0 || minutes >= SIXTY) {
      return null;
    }
    int offset = hours * SIXTY + minutes;
    return zone.charAt(0) == '-' ? -offset : offset;
  }

  /** Returns the number that these characters are, -1 where one is no digit. */
  private static int number(String text, int from, int to) {
    int number = 0;
    for (int i = from; i < to; i++) {
      if (!isDigit(text.charAt(i))) {
        return -1;
      }
      number = number * TEN + text.charAt(i) - '0';
    }
    return number;
  }

  private static boolean isDigit(char one) {
    return one >= '0' && one <= '9';
  }
}
