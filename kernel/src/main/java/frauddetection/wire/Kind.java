package frauddetection.wire;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.Serializable;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.types.StructField;

/** Reads one kind of record, field by field. */
final class Kind implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final int NONE = -1;

  /** What a field that is not a scalar has for a text: no form admits it. */
  private static final String NOT_A_SCALAR = "";

  private final int place;
  private final Map<String, Integer> places = new HashMap<>();
  private final String[] names;
  private final Form[] forms;
  private final boolean[] required;
  private final int time;
  private final long maxFuture;
  private final long maxAge;

  Kind(DecodePlan.Kind kind, DecodePlan plan, int place) {
    this.place = place;
    StructField[] fields = kind.type().fields();
    names = new String[fields.length];
    forms = new Form[fields.length];
    required = new boolean[fields.length];
    for (int i = 0; i < fields.length; i++) {
      names[i] = fields[i].name();
      places.put(names[i], i);
      forms[i] = Form.of(fields[i].dataType(), plan.patterns(), kind.allowed().get(names[i]));
      required[i] = kind.required().contains(names[i]);
    }
    time = kind.time() == null ? NONE : places.get(kind.time());
    maxFuture = kind.maxFuture();
    maxAge = kind.maxAge();
  }

  /** Returns the place of the kind's column among all. */
  int place() {
    return place;
  }

  /** Returns the fields of the object at which the parser stands; adds to {@code reasons} what is wrong with them. */
  InternalRow read(JsonParser parser, long arrival, List<String> reasons) throws IOException {
    String[] texts = new String[names.length];
    boolean[] met = new boolean[names.length];
    boolean unknown = false;
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      Integer field = places.get(parser.currentName());
      String text = text(parser);
      if (field == null || met[field]) {
        unknown = true;
      } else {
        met[field] = true;
        texts[field] = text;
      }
    }
    if (unknown) {
      reasons.add("unknown_field");
    }
    Object[] values = new Object[names.length];
    for (int i = 0; i < names.length; i++) {
      if (texts[i] != null) {
        values[i] = forms[i].read(texts[i]);
        if (values[i] == null) {
          reasons.add("invalid:" + names[i]);
        }
      } else if (required[i]) {
        reasons.add("missing:" + names[i]);
      }
    }
    judgeTime(values, arrival, reasons);
    return new GenericInternalRow(values);
  }

  /** Against the time of arrival, not a clock: a replay of the same record must end the same. */
  private void judgeTime(Object[] values, long arrival, List<String> reasons) {
    if (time == NONE || values[time] == null) {
      return;
    }
    long at = (Long) values[time];
    if (at > arrival + maxFuture) {
      reasons.add(names[time] + "_in_future");
    } else if (at < arrival - maxAge) {
      reasons.add(names[time] + "_too_old");
    }
  }

  /** Returns the text of a scalar, whether it stands in quotes or not; null for a null. */
  private static String text(JsonParser parser) throws IOException {
    JsonToken token = parser.nextToken();
    if (token == JsonToken.VALUE_NULL) {
      return null;
    }
    if (token.isStructStart()) {
      parser.skipChildren();
      return NOT_A_SCALAR;
    }
    return parser.getText();
  }
}
