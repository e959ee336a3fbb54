package frauddetection.history;

import frauddetection.history.Plan.Aggregation;
import frauddetection.history.Plan.Operation;
import frauddetection.history.Plan.Source;
import frauddetection.history.Plan.Type;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/** Every aggregation from its definition: keeps all events in order of arrival and scans all of them each time. */
final class Oracle {
  record Event(long time, byte[] id, long mask, long[] values, long nulls) {
    boolean isNull(int value, Type type) {
      return (nulls >>> value & 1) != 0 || type == Type.DOUBLE && Double.isNaN(Double.longBitsToDouble(values[value]));
    }
  }

  static final Comparator<Event> ORDER =
      Comparator.comparingLong(Event::time).thenComparing(Event::id, Arrays::compareUnsigned);

  private final Plan plan;
  private final List<Event> transactions = new ArrayList<>();
  private final List<Event> labels = new ArrayList<>();
  private Event profile;
  private Long newest;

  Oracle(Plan plan) {
    this.plan = plan;
  }

  double[] transaction(Event event) {
    newest = newest == null ? event.time : Math.max(newest, event.time);
    Event current = event;
    if (!forgotten(event, Source.TRANSACTION)) {
      current = transactions.stream().filter(e -> ORDER.compare(e, event) == 0).findFirst().orElse(event);
      if (current == event) {
        transactions.add(event);
      }
    }
    return values(current.time, current);
  }

  void label(Event event) {
    boolean repeat = labels.stream().anyMatch(e -> ORDER.compare(e, event) == 0);
    if (!repeat && !forgotten(event, Source.LABEL)) {
      labels.add(event);
    }
  }

  void profile(Event event) {
    profile = profile == null || event.time >= profile.time ? event : profile;
  }

  /** The values at an instant if current is null, else what current sees. */
  double[] values(long time, Event current) {
    return plan.aggregations().stream().mapToDouble(a -> value(a, time, current)).toArray();
  }

  private boolean forgotten(Event event, Source log) {
    return newest != null && event.time <= newest - plan.retention(log);
  }

  private double value(Aggregation a, long time, Event current) {
    Type type = a.value() < 0 ? null : plan.values().get(a.value()).type();
    if (a.of() == Source.PROFILE) {
      return profile == null || profile.isNull(a.value(), type) ? Double.NaN : number(profile, a);
    }
    List<Event> seen = new ArrayList<>(a.of() == Source.LABEL ? labels : transactions);
    seen.removeIf(e -> forgotten(e, a.of()));
    boolean ordered = a.of() == Source.TRANSACTION && a.delay() == 0 && current != null;
    if (ordered) {
      seen.removeIf(e -> ORDER.compare(e, current) >= 0);
      if (a.operation() != Operation.LAST && a.operation() != Operation.SECONDS_SINCE_LAST) {
        seen.add(current);
      }
    }
    seen.removeIf(e -> e.time > time - a.delay() || e.time <= time - a.delay() - a.window());
    seen.removeIf(e -> a.where() >= 0 && (e.mask >>> a.where() & 1) == 0);
    seen.removeIf(e -> a.value() >= 0 && e.isNull(a.value(), type));
    seen.sort(ORDER);
    return value(a, seen, time, current, type);
  }

  private double value(Aggregation a, List<Event> seen, long time, Event current, Type type) {
    double power = a.value() < 0 ? 1 : Math.pow(10, plan.values().get(a.value()).scale());
    BigInteger n = BigInteger.valueOf(seen.size());
    boolean none = seen.isEmpty();
    return switch (a.operation()) {
      case COUNT -> seen.size();
      case SUM -> sum(seen, a.value(), 1).doubleValue() / power;
      case AVERAGE -> none ? Double.NaN : sum(seen, a.value(), 1).doubleValue() / (seen.size() * power);
      case VARIANCE -> none ? Double.NaN
          : n.multiply(sum(seen, a.value(), 2)).subtract(sum(seen, a.value(), 1).pow(2)).doubleValue()
              / (n.multiply(n).doubleValue() * (power * power));
      case MIN -> seen.stream().map(e -> number(e, a)).min(Double::compare).orElse(Double.NaN);
      case MAX -> seen.stream().map(e -> number(e, a)).max(Double::compare).orElse(Double.NaN);
      case LAST -> none ? Double.NaN : number(seen.get(seen.size() - 1), a);
      case SECONDS_SINCE_LAST -> none ? Double.NaN : (time - seen.get(seen.size() - 1).time) / 1e6;
      case UNIQUE_COUNT -> seen.stream().mapToLong(e -> e.values[a.value()]).distinct().count();
      case COUNT_SAME -> current == null || current.isNull(a.value(), type) ? Double.NaN
          : seen.stream().filter(e -> e.values[a.value()] == current.values[a.value()]).count();
    };
  }

  private static BigInteger sum(List<Event> events, int value, int power) {
    return events.stream().map(e -> BigInteger.valueOf(e.values[value]).pow(power)).reduce(BigInteger.ZERO, BigInteger::add);
  }

  private double number(Event event, Aggregation a) {
    Plan.Value value = plan.values().get(a.value());
    long raw = event.values[a.value()];
    return value.type() == Type.DOUBLE ? Double.longBitsToDouble(raw) : raw / Math.pow(10, value.scale());
  }
}
