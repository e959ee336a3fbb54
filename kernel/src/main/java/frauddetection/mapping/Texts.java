package frauddetection.mapping;

import java.time.ZoneOffset;
import org.apache.spark.types.variant.Variant;
import org.apache.spark.unsafe.types.UTF8String;
import org.apache.spark.unsafe.types.VariantVal;

/** What a VARIANT is as text: what Spark's cast to string gives, without the expressions that it makes for each value. */
final class Texts {
  private Texts() {}

  static UTF8String of(VariantVal value) {
    return value == null ? null : of(new Variant(value.getValue(), value.getMetadata()));
  }

  /** Returns the text of a scalar, the JSON of an object or array, null of JSON's null. */
  static UTF8String of(Variant value) {
    switch (value.getType()) {
      case NULL:
        return null;
      case STRING:
        return UTF8String.fromString(value.getString());
      case LONG:
        return UTF8String.fromString(Long.toString(value.getLong()));
      case DECIMAL:
        return UTF8String.fromString(value.getDecimal().toPlainString());
      case DOUBLE:
        return UTF8String.fromString(Double.toString(value.getDouble()));
      case BOOLEAN:
        return UTF8String.fromString(Boolean.toString(value.getBoolean()));
      default:
        String json = value.toJson(ZoneOffset.UTC);
        return UTF8String.fromString(json.startsWith("\"") ? json.substring(1, json.length() - 1) : json);
    }
  }
}
