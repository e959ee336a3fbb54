package frauddetection.wire;

import java.io.Serializable;
import java.math.BigDecimal;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.apache.spark.sql.catalyst.util.DateTimeUtils;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.Decimal;
import org.apache.spark.sql.types.DecimalType;
import org.apache.spark.unsafe.types.UTF8String;
import scala.Option;

/** How the text of a field becomes Spark's value. */
@FunctionalInterface
interface Form extends Serializable {

  /** Returns the value that the text stands for, null where it stands for none. */
  Object read(String text);

  /** Returns the form of a field; {@code allowed} are the only texts that it may have, or null. */
  static Form of(DataType type, Map<String, String> patterns, List<String> allowed) {
    if (allowed != null) {
      Set<String> texts = Set.copyOf(allowed);
      return text -> texts.contains(text) ? UTF8String.fromString(text) : null;
    }
    if (type.equals(DataTypes.StringType)) {
      // As contract/scalars.py has it: what looks like a list or an object is none.
      return text -> text.isEmpty() || text.charAt(0) == '[' || text.charAt(0) == '{' ? null : UTF8String.fromString(text);
    }
    if (type.equals(DataTypes.BooleanType)) {
      return text -> text.equals("true") ? Boolean.TRUE : text.equals("false") ? Boolean.FALSE : null;
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
    if (type instanceof DecimalType decimal) {
      return text -> Decimal.apply(new BigDecimal(text), decimal.precision(), decimal.scale());
    }
    if (type.equals(DataTypes.TimestampType)) {
      return text -> orNull(DateTimeUtils.stringToTimestamp(UTF8String.fromString(text), ZoneOffset.UTC));
    }
    if (type.equals(DataTypes.DateType)) {
      return text -> orNull(DateTimeUtils.stringToDate(UTF8String.fromString(text)));
    }
    throw new IllegalArgumentException("no form for " + type.catalogString());
  }

  private static Double finite(String text) {
    double value = Double.parseDouble(text);
    return Double.isFinite(value) ? value : null;
  }

  private static Object orNull(Option<?> found) {
    return found.isEmpty() ? null : found.get();
  }
}
