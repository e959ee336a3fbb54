package frauddetection.wire;

import java.io.Serializable;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.apache.spark.sql.catalyst.util.DateTimeUtils;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.unsafe.types.UTF8String;

/** How the text of a field becomes Spark's value. */
@FunctionalInterface
interface Form extends Serializable {

  /** Returns the value that the text stands for, null where it stands for none. */
  Object read(String text);

  /** Returns the form of a field that is no amount; {@code allowed} are the only texts that it may have, or null. */
  static Form of(DataType type, Map<String, String> patterns, List<String> allowed) {
    if (allowed != null) {
      Set<String> texts = Set.copyOf(allowed);
      return text -> texts.contains(text) ? UTF8String.fromString(text) : null;
    }
    if (type.equals(DataTypes.StringType)) {
      return text -> Identifiers.isWellFormed(text) ? UTF8String.fromString(text) : null;
    }
    if (type.equals(DataTypes.BooleanType)) {
      return text -> text.equals("true") ? Boolean.TRUE : text.equals("false") ? Boolean.FALSE : null;
    }
    if (type.equals(DataTypes.TimestampType)) {
      return Times::micros;
    }
    Pattern pattern = Pattern.compile(patterns.get(type.typeName()));
    Form parse = parserOf(type);
    return text -> pattern.matcher(text).matches() ? parse.read(text) : null;
  }

  private static Form parserOf(DataType type) {
    if (type.equals(DataTypes.LongType)) {
      return Long::parseLong;
    }
    if (type.equals(DataTypes.DoubleType)) {
      return Form::finite;
    }
    if (type.equals(DataTypes.DateType)) {
      return text -> {
        scala.Option<?> found = DateTimeUtils.stringToDate(UTF8String.fromString(text));
        return found.isEmpty() ? null : found.get();
      };
    }
    throw new IllegalArgumentException("no form for " + type.catalogString());
  }

  private static Double finite(String text) {
    double value = Double.parseDouble(text);
    return Double.isFinite(value) ? value : null;
  }
}
