package frauddetection.history;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * What the history of one key column computes: the JSON that Python compiles from the declared features.
 *
 * <p>Times are microseconds. A plan is immutable; a plan that was parsed can be executed.
 */
public final class Plan {
  /** What an aggregation computes; see {@link KeyHistory} for what each one sees. */
  public enum Operation {
    COUNT, SUM, AVERAGE, PAST_AVERAGE, VARIANCE, MIN, MAX, LAST, SECONDS_SINCE_LAST, UNIQUE_COUNT, COUNT_SAME
  }

  /** How a value arrives in a long: an unscaled decimal, {@link Double#doubleToRawLongBits}, or a 64-bit hash. */
  public enum Type { FIXED, DOUBLE, HASH }

  /** What an aggregation is of: transactions, those of them that have a label, or the key's profile. */
  public enum Source { TRANSACTION, LABEL, PROFILE }

  /** One input value; scale is the number of decimal places of a fixed one, else 0. */
  public record Value(String name, Type type, int scale) {}

  /** One output; value and where are -1 for none, window and delay are microseconds. */
  public record Aggregation(
      String name, Operation operation, Source of, int value, int where, long window, long delay) {}

  /** Longest window and delay, some 18,000 years, so that no sum of times overflows. */
  private static final long LONGEST = 1L << 59;

  private static final ObjectMapper JSON = new ObjectMapper()
      .enable(DeserializationFeature.FAIL_ON_READING_DUP_TREE_KEY, DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

  private final String key;
  private final long retention;
  private final List<Value> values;
  private final List<Aggregation> aggregations;
  private final byte[] digest;
  // Compiled once: a history is made for every key of every batch.
  private final LogPlan log;
  private final int[] profiles;

  private Plan(String key, long retention, List<Value> values, List<Aggregation> aggregations, byte[] digest) {
    this.key = key;
    this.retention = retention;
    this.values = List.copyOf(values);
    this.aggregations = List.copyOf(aggregations);
    this.digest = digest;
    log = LogPlan.of(this);
    profiles = IntStream.range(0, size()).filter(i -> aggregations.get(i).of == Source.PROFILE).toArray();
  }

  /**
   * Returns the plan that this JSON describes.
   *
   * @throws IllegalArgumentException naming what is wrong: not JSON, an unknown field or operation, a field that is
   *     missing, of the wrong kind or out of range, or an operation that the type of its value does not allow
   */
  public static Plan parse(String json) {
    JsonNode root;
    try {
      root = JSON.readTree(json);
    } catch (JsonProcessingException error) {
      throw new IllegalArgumentException("The plan is not valid JSON: " + error.getOriginalMessage(), error);
    }
    knownFields(root, "the plan", Set.of("key", "retention", "values", "aggregations"));
    List<Value> values = new ArrayList<>();
    for (JsonNode node : array(root, "values")) {
      values.add(value(node));
    }
    require(values.size() <= 64, "the plan has more than 64 values");
    List<Aggregation> aggregations = new ArrayList<>();
    Set<String> names = new HashSet<>();
    for (JsonNode node : array(root, "aggregations")) {
      Aggregation aggregation = aggregation(node);
      check(aggregation, values);
      require(names.add(aggregation.name), "two aggregations are called " + aggregation.name);
      aggregations.add(aggregation);
    }
    long longest = aggregations.stream().mapToLong(a -> a.window + a.delay).max().orElse(0);
    long retention = number(root, "retention", "the plan", -1, longest, 2 * LONGEST);
    require(retention >= 0, "the plan: retention must be there");
    return new Plan(text(root, "key", "the plan"), retention, values, aggregations, sha256(json));
  }

  /** Returns the name of the key column. */
  public String key() {
    return key;
  }

  /** Returns the input values, in the order of the arrays that events bring. */
  public List<Value> values() {
    return values;
  }

  /** Returns the outputs, in the order of the array that {@link KeyHistory#transaction} fills. */
  public List<Aggregation> aggregations() {
    return aggregations;
  }

  /** Returns the number of outputs. */
  public int size() {
    return aggregations.size();
  }

  /** Returns the SHA-256, in lower-case hex, of the UTF-8 bytes of the JSON exactly as it was given. */
  public String hash() {
    return HexFormat.of().formatHex(digest);
  }

  byte[] digest() {
    return digest;
  }

  /** Null if all aggregations are of profile. */
  LogPlan log() {
    return log;
  }

  /** The outputs that are of profile. */
  int[] profiles() {
    return profiles;
  }

  /**
   * Returns for how many microseconds before the key's newest transaction its events are remembered: at least the longest window and
   * its delay. An event that is late by no more than what is left sees every window whole.
   */
  public long retention() {
    return retention;
  }

  private static Value value(JsonNode node) {
    knownFields(node, "a value", Set.of("name", "type", "scale"));
    String name = text(node, "name", "a value");
    Type type = constant(Type.class, text(node, "type", name), name, true);
    long scale = number(node, "scale", name, 0, 0, 11);
    require(scale == 0 || type == Type.FIXED, name + ": only a fixed value has a scale");
    return new Value(name, type, (int) scale);
  }

  private static Aggregation aggregation(JsonNode node) {
    knownFields(node, "an aggregation", Set.of("name", "operation", "of", "value", "where", "window", "delay"));
    String name = text(node, "name", "an aggregation");
    return new Aggregation(
        name,
        constant(Operation.class, text(node, "operation", name), name, false),
        constant(Source.class, text(node, "of", name), name, true),
        (int) number(node, "value", name, -1, 0, 63),
        (int) number(node, "where", name, -1, 0, 63),
        number(node, "window", name, 0, 0, LONGEST),
        number(node, "delay", name, 0, 0, LONGEST));
  }

  private static void check(Aggregation a, List<Value> values) {
    String what = a.name + ": " + a.operation;
    require(a.value < values.size(), a.name + ": there is no value " + a.value);
    Type type = a.value < 0 ? null : values.get(a.value).type;
    if (a.of == Source.PROFILE) {
      require(a.operation == Operation.LAST, what + " is not possible of profile, only LAST");
      require(a.where < 0 && a.window == 0 && a.delay == 0, what + " of profile takes no where, window or delay");
    } else {
      require(a.window > 0, a.name + ": window must be positive");
    }
    switch (a.operation) {
      case COUNT, SECONDS_SINCE_LAST -> { }
      // A sum of doubles would depend on the order in which events came and went.
      case SUM, AVERAGE, PAST_AVERAGE, VARIANCE -> require(type == Type.FIXED, what + " needs a fixed value");
      case MIN, MAX, LAST -> require(type == Type.FIXED || type == Type.DOUBLE, what + " needs a fixed or double value");
      case UNIQUE_COUNT, COUNT_SAME ->
          require(type == Type.FIXED || type == Type.HASH, what + " needs a hash or fixed value");
    }
    require(a.operation != Operation.COUNT_SAME || a.of == Source.TRANSACTION,
        what + " compares with the current event and is possible of transaction only");
    require(a.operation != Operation.PAST_AVERAGE || a.of == Source.TRANSACTION && a.delay == 0,
        what + " leaves out the current event and is possible of transaction without delay only");
  }

  private static JsonNode array(JsonNode root, String field) {
    JsonNode node = root.path(field);
    require(node.isArray(), "the plan: " + field + " must be a list");
    return node;
  }

  private static void knownFields(JsonNode node, String what, Set<String> known) {
    require(node.isObject(), what + " must be an object");
    node.fieldNames().forEachRemaining(field -> require(known.contains(field), what + ": unknown field " + field));
  }

  private static String text(JsonNode node, String field, String what) {
    require(node.path(field).isTextual(), what + ": " + field + " must be a string");
    return node.get(field).textValue();
  }

  private static long number(JsonNode node, String field, String what, long absent, long least, long most) {
    JsonNode number = node.path(field);
    if (number.isMissingNode() || number.isNull()) {
      return absent;
    }
    boolean fits = number.isIntegralNumber() && number.canConvertToLong();
    require(fits && number.longValue() >= least && number.longValue() <= most,
        what + ": " + field + " must be an integer from " + least + " to " + most);
    return number.longValue();
  }

  private static <E extends Enum<E>> E constant(Class<E> type, String text, String what, boolean lower) {
    for (E constant : type.getEnumConstants()) {
      if (text.equals(lower ? constant.name().toLowerCase(Locale.ROOT) : constant.name())) {
        return constant;
      }
    }
    throw new IllegalArgumentException(what + ": unknown " + type.getSimpleName().toLowerCase(Locale.ROOT) + " " + text);
  }

  private static byte[] sha256(String text) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
    } catch (NoSuchAlgorithmException error) {
      throw new IllegalStateException(error);
    }
  }

  static void require(boolean holds, String otherwise) {
    if (!holds) {
      throw new IllegalArgumentException(otherwise);
    }
  }
}
