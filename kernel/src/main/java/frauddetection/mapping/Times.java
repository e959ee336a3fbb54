package frauddetection.mapping;

import frauddetection.wire.Instants;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoUnit;
import java.time.temporal.TemporalAccessor;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Times as other people write them, and the contract's text of them. What cannot be read is null. */
final class Times {
  private static final Map<String, DateTimeFormatter> PATTERNS = new ConcurrentHashMap<>();

  /** Patterns are settings, and few; those that a record brings are not kept beyond this. */
  private static final int KEPT_PATTERNS = 100;

  private static final int LONGEST_NUMBER = 40;
  private static final int LONGEST_LONG = 18;
  private static final BigDecimal MOST = BigDecimal.valueOf(Long.MAX_VALUE);

  private Times() {}

  /** Returns the contract's text of an instant: 2026-11-24T10:00:00.250000Z. */
  static String text(long micros) {
    return new String(Instants.text(micros), StandardCharsets.ISO_8859_1);
  }

  /** Returns the same without the zone. */
  static String local(long micros) {
    String text = text(micros);
    return text.substring(0, text.length() - 1);
  }

  private static String text(Instant instant) {
    return text(Math.addExact(Math.multiplyExact(instant.getEpochSecond(), 1_000_000L), instant.getNano() / 1_000));
  }

  /** Returns the instant that lies so many units of so many microseconds after 1970 began. */
  static String sinceEpoch(String count, long unitMicros) {
    if (count.length() > LONGEST_NUMBER) {
      return null;
    }
    if (count.length() <= LONGEST_LONG && count.chars().allMatch(one -> one >= '0' && one <= '9') && !count.isEmpty()) {
      return text(Math.multiplyExact(Long.parseLong(count), unitMicros));
    }
    BigDecimal number = new BigDecimal(count.strip());
    if (number.abs().compareTo(MOST) > 0 || number.scale() > LONGEST_NUMBER) {
      return null;
    }
    BigInteger micros = number.multiply(BigDecimal.valueOf(unitMicros)).toBigInteger();
    return text(micros.longValueExact());
  }

  static String date(String epochDays) {
    return LocalDate.ofEpochDay(Long.parseLong(epochDays.strip())).toString();
  }

  /** Returns the instant of a text in a pattern; the zone is that of a text which names none. */
  static String byPattern(String text, String pattern, String zone) {
    TemporalAccessor found = formatter(pattern).parseBest(text.strip(), ZonedDateTime::from, LocalDateTime::from, LocalDate::from);
    if (found instanceof ZonedDateTime zoned) {
      return text(zoned.toInstant());
    }
    LocalDateTime local = found instanceof LocalDate date ? date.atStartOfDay() : (LocalDateTime) found;
    return text(local.atZone(ZoneId.of(zone)).toInstant());
  }

  /**
   * Returns the formatter of a pattern.
   *
   * @throws IllegalArgumentException it is none
   */
  static DateTimeFormatter formatter(String pattern) {
    DateTimeFormatter known = PATTERNS.get(pattern);
    if (known == null) {
      known = DateTimeFormatter.ofPattern(pattern, Locale.ENGLISH);
      if (PATTERNS.size() < KEPT_PATTERNS) {
        PATTERNS.put(pattern, known);
      }
    }
    return known;
  }

  /**
   * Returns the instant of MMDDhhmmss (ISO 8583, DE7), in the year that brings it nearest to the time of arrival: a payment of December 31
   * that arrives on January 1 is of the old year, and one whose clock is ahead of the new one.
   */
  static String withoutYear(String text, long arrivedSeconds, String zone) {
    String digits = text.strip();
    if (!digits.matches("\\d{10}")) {
      return null;
    }
    Instant arrived = Instant.ofEpochSecond(arrivedSeconds);
    int year = arrived.atZone(ZoneOffset.UTC).getYear();
    Instant nearest = null;
    for (int candidate = year - 1; candidate <= year + 1; candidate++) {
      Instant at = inYear(candidate, digits, ZoneId.of(zone));
      if (at != null && (nearest == null || distance(at, arrived) < distance(nearest, arrived))) {
        nearest = at;
      }
    }
    return nearest == null ? null : text(nearest);
  }

  private static long distance(Instant one, Instant other) {
    return Math.abs(ChronoUnit.SECONDS.between(one, other));
  }

  private static Instant inYear(int year, String digits, ZoneId zone) {
    try {
      return LocalDateTime.of(year, part(digits, 0), part(digits, 2), part(digits, 4), part(digits, 6), part(digits, 8))
          .atZone(zone)
          .toInstant();
    } catch (DateTimeException noSuchDay) {
      return null; // February 29 is in some years alone
    }
  }

  private static int part(String digits, int start) {
    return Integer.parseInt(digits.substring(start, start + 2));
  }
}
