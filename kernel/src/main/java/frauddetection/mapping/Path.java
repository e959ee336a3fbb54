package frauddetection.mapping;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.spark.types.variant.Variant;
import org.apache.spark.types.variant.VariantUtil;

/**
 * A path into a VARIANT, as Spark's variant_get takes it: {@code $.payload.after}, {@code $['a name'][0]}.
 *
 * @param steps names of fields, strings, and places in arrays, integers
 */
record Path(List<Object> steps) implements Serializable {
  private static final Pattern STEP = Pattern.compile("\\.([^.\\[\\s'\"]+)|\\[(\\d{1,6})\\]|\\['([^']*)'\\]|\\[\"([^\"]*)\"\\]");

  /**
   * Returns the path of the text.
   *
   * @throws IllegalArgumentException it is none
   */
  static Path parse(String text) {
    List<Object> steps = new ArrayList<>();
    Matcher step = STEP.matcher(text);
    int at = text.startsWith("$") ? 1 : -1;
    while (at >= 0 && at < text.length()) {
      if (!step.find(at) || step.start() != at) {
        at = -1;
      } else {
        steps.add(step.group(2) != null ? (Object) Integer.valueOf(step.group(2)) : name(step));
        at = step.end();
      }
    }
    if (at < 0) {
      throw new IllegalArgumentException("not a path such as $.payload.after, $['a name'] or $.items[0]");
    }
    return new Path(List.copyOf(steps));
  }

  private static String name(Matcher step) {
    return step.group(1) != null ? step.group(1) : step.group(3) != null ? step.group(3) : step.group(4);
  }

  /** Returns what the path leads to, or null. */
  Variant in(Variant value) {
    Variant found = value;
    for (Object step : steps) {
      if (found == null) {
        return null;
      }
      if (step instanceof Integer index) {
        found = found.getType() == VariantUtil.Type.ARRAY ? found.getElementAtIndex(index) : null;
      } else {
        found = found.getType() == VariantUtil.Type.OBJECT ? found.getFieldByKey((String) step) : null;
      }
    }
    return found;
  }
}
