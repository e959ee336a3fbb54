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

  record Label(Event event, long at, int rank) {}

  /** A transaction and the label that counts, null as long as none has arrived. */
  private static final class Known {
    final Event event;
    Label label;

    Known(Event event) {
      this.event = event;
    }

    long time() {
      return event.time;
    }

    /** What an aggregation of this source looks at. */
    Event of(Source source) {
      return source == Source.LABEL ? label.event : event;
    }
  }

  private static final long SECOND = 1_000_000;
  private static final Comparator<Known> ORDER =
      Comparator.comparingLong(Known::time).thenComparing(known -> known.event.id, Arrays::compareUnsigned);

  private final Plan plan;
  private final List<Known> all = new ArrayList<>();
  private Event profile;
  private Long newest;

  Oracle(Plan plan) {
    this.plan = plan;
  }

  double[] transaction(Event event) {
    newest = newest == null ? event.time : Math.max(newest, event.time);
    Known current = new Known(event);
    if (!forgotten(current)) {
      Known now = current;
      current = all.stream().filter(known -> ORDER.compare(known, now) == 0).findFirst().orElse(now);
      if (current == now) {
        all.add(now);
      }
    }
    return values(current.time(), current);
  }

  void label(Event label, long at, int rank) {
    all.stream()
        .filter(known -> !forgotten(known) && Arrays.equals(known.event.id, label.id))
        .filter(known -> Math.abs(known.time() - label.time) <= SECOND)
        .min(Comparator.<Known>comparingLong(known -> Math.abs(known.time() - label.time)).thenComparing(ORDER))
        .filter(known -> known.label == null || at > known.label.at || at == known.label.at && rank > known.label.rank)
        .ifPresent(known -> known.label = new Label(label, at, rank));
  }

  void profile(Event event) {
    profile = profile == null || event.time >= profile.time ? event : profile;
  }

  void forgetProfile() {
    profile = null;
  }

  /** The values at an instant if current is null, else what current sees. */
  double[] values(long time, Known current) {
    return plan.aggregations().stream().mapToDouble(a -> value(a, time, current)).toArray();
  }

  private boolean forgotten(Known known) {
    return newest != null && known.time() <= newest - plan.retention();
  }

  private double value(Aggregation a, long time, Known current) {
    Type type = a.value() < 0 ? null : plan.values().get(a.value()).type();
    if (a.of() == Source.PROFILE) {
      return profile == null || profile.isNull(a.value(), type) ? Double.NaN : number(profile, a);
    }
    List<Known> seen = new ArrayList<>(all);
    seen.removeIf(this::forgotten);
    if (a.delay() == 0 && current != null) {
      boolean before = List.of(Operation.LAST, Operation.SECONDS_SINCE_LAST, Operation.PAST_AVERAGE).contains(a.operation());
      seen.removeIf(known -> ORDER.compare(known, current) >= 0);
      if (!before) {
        seen.add(current);
      }
    }
    seen.removeIf(known -> known.time() > time - a.delay() || known.time() <= time - a.delay() - a.window());
    seen.removeIf(known -> a.of() == Source.LABEL && known.label == null);
    seen.removeIf(known -> a.where() >= 0 && (known.of(a.of()).mask >>> a.where() & 1) == 0);
    seen.removeIf(known -> a.value() >= 0 && known.of(a.of()).isNull(a.value(), type));
    seen.sort(ORDER);
    double since = seen.isEmpty() ? Double.NaN : (time - seen.get(seen.size() - 1).time()) / 1e6;
    return a.operation() == Operation.SECONDS_SINCE_LAST ? since
        : value(a, seen.stream().map(known -> known.of(a.of())).toList(), current == null ? null : current.event, type);
  }

  private double value(Aggregation a, List<Event> seen, Event current, Type type) {
    double power = a.value() < 0 ? 1 : Math.pow(10, plan.values().get(a.value()).scale());
    BigInteger n = BigInteger.valueOf(seen.size());
    boolean none = seen.isEmpty();
    return switch (a.operation()) {
      case COUNT -> seen.size();
      case SUM -> sum(seen, a.value(), 1).doubleValue() / power;
      case AVERAGE, PAST_AVERAGE -> none ? Double.NaN : sum(seen, a.value(), 1).doubleValue() / (seen.size() * power);
      case VARIANCE -> none ? Double.NaN
          : n.multiply(sum(seen, a.value(), 2)).subtract(sum(seen, a.value(), 1).pow(2)).doubleValue()
              / (n.multiply(n).doubleValue() * (power * power));
      case MIN -> seen.stream().map(e -> number(e, a)).min(Double::compare).orElse(Double.NaN);
      case MAX -> seen.stream().map(e -> number(e, a)).max(Double::compare).orElse(Double.NaN);
      case LAST -> none ? Double.NaN : number(seen.get(seen.size() - 1), a);
      case SECONDS_SINCE_LAST -> throw new IllegalStateException("of times, not of values");
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
