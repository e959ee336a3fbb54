package frauddetection.wire;

import frauddetection.wire.DecodePlan.Field;
import java.io.Serializable;
import java.util.Map;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.Decimal;
import org.apache.spark.sql.types.DecimalType;
import org.apache.spark.unsafe.types.UTF8String;

/** Reads one field of a record, and says what is wrong with it. */
final class KindField implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final int MOST_DECIMALS = 3;

  /** What a field is whose record is refused for it, and why is said already. */
  private static final Object REFUSED = new Object();

  /** Returns the value that a text stands for, null where it stands for none, or {@link #REFUSED}. */
  @FunctionalInterface
  private interface Reading extends Serializable {
    Object read(String text, String[] texts, Found found);
  }

  private final String name;
  private final int place;
  private final boolean required;
  private final boolean strict;
  private final Reading reading;

  /** {@code places} are those of all fields of the record, by name. */
  KindField(Field field, DataType type, DecodePlan plan, Map<String, Integer> places) {
    name = field.name();
    place = places.get(name);
    required = field.required();
    strict = field.strict();
    reading = type instanceof DecimalType decimal ? amount(field, decimal, plan, places) : limited(field, type, plan);
  }

  /** Returns the value of the field, null where it has none. {@code texts} are those of all fields. */
  Object read(String[] texts, Found found) {
    String text = texts[place];
    if (text == null) {
      if (required) {
        found.reason("missing:" + name);
      }
      return null;
    }
    Object value = text == Texts.NOT_A_SCALAR ? null : reading.read(text, texts, found);
    if (value == null) {
      if (strict) {
        found.reason("invalid:" + name);
      } else {
        found.note(name);
      }
    }
    return value == REFUSED ? null : value;
  }

  private static Reading amount(Field field, DecimalType type, DecodePlan plan, Map<String, Integer> places) {
    Amounts amounts = new Amounts(plan.patterns().get(type.typeName()));
    Map<String, Integer> decimals = plan.decimals();
    int precision = type.precision();
    int scale = type.scale();
    int currency = places.get(field.currency());
    boolean isRequired = field.required();
    return (text, texts, found) -> {
      // Of a currency that is unknown, or lacks though it is required, its own field tells. An optional amount of which nobody says in
      // which currency it is, is none.
      if (texts[currency] == null && !isRequired) {
        return null;
      }
      long thousandths = amounts.read(text, decimals.getOrDefault(texts[currency], MOST_DECIMALS));
      return thousandths == Amounts.NONE ? null : Decimal.createUnsafe(thousandths, precision, scale);
    };
  }

  private static Reading limited(Field field, DataType type, DecodePlan plan) {
    Form form = Form.of(type, plan.patterns(), field.allowed());
    String name = field.name();
    if (field.limit() == null) {
      return (text, texts, found) -> form.read(text);
    }
    return switch (field.limit()) {
      case "identifier" -> identifier(name, form, new Identifiers(plan.cardNumber()));
      case "token" -> identifier(name, form, new Identifiers(plan.token()));
      case "degrees" -> degrees(name, form, field.most());
      case "currency" -> currency(plan.decimals());
      default -> throw new IllegalArgumentException("no limit " + field.limit());
    };
  }

  private static Reading identifier(String name, Form form, Identifiers identifiers) {
    return (text, texts, found) -> {
      if (!Identifiers.accepts(text)) {
        return null;
      }
      if (identifiers.isCardNumber(text)) {
        found.reason("card_number:" + name);
        return REFUSED;
      }
      return form.read(text);
    };
  }

  private static Reading degrees(String name, Form form, double most) {
    return (text, texts, found) -> {
      Double angle = (Double) form.read(text);
      if (angle != null && Math.abs(angle) > most) {
        found.reason("invalid:" + name); // though it may be absent: a place that is none is no place unknown
        return REFUSED;
      }
      return angle;
    };
  }

  private static Reading currency(Map<String, Integer> known) {
    return (text, texts, found) -> known.containsKey(text) ? UTF8String.fromString(text) : null;
  }
}
