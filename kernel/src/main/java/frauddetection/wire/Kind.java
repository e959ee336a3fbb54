package frauddetection.wire;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.Serializable;
import java.util.HashMap;
import java.util.Map;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.types.StructField;

/** Reads one kind of record: first the texts of its fields, then what they stand for. */
final class Kind implements Serializable {
  private static final long serialVersionUID = 1L;

  private final int place;
  private final boolean deletes;
  private final boolean unknownFields;
  private final Map<String, Integer> places = new HashMap<>();
  private final KindField[] fields;
  private final KindTime[] times;

  Kind(DecodePlan.Kind kind, DecodePlan plan, int place) {
    this.place = place;
    deletes = kind.deletes();
    unknownFields = plan.unknownFields();
    StructField[] types = kind.type().fields();
    fields = new KindField[types.length];
    for (int i = 0; i < types.length; i++) {
      places.put(types[i].name(), i);
    }
    for (int i = 0; i < types.length; i++) {
      fields[i] = new KindField(kind.fields().get(i), types[i].dataType(), plan, places);
    }
    times = kind.times().stream().map(time -> new KindTime(time, places.get(time.field()))).toArray(KindTime[]::new);
  }

  /** Returns the place of the kind's column among all. */
  int place() {
    return place;
  }

  /** Whether a record without a value deletes what its key names. */
  boolean deletes() {
    return deletes;
  }

  /** Returns the fields of the object at which the parser stands, and says in {@code found} what is wrong with them. */
  InternalRow read(JsonParser parser, long arrival, long readBy, Found found) throws IOException {
    String[] texts = new String[fields.length];
    boolean isForeign = true;
    boolean hasObject = false;
    boolean[] met = new boolean[fields.length];
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String name = parser.currentName();
      Integer field = places.get(name);
      JsonToken token = parser.nextToken();
      hasObject |= token == JsonToken.START_OBJECT;
      String text = Texts.of(parser, token);
      if (field == null) {
        found.unknown++;
        continue;
      }
      isForeign = false;
      if (met[field]) {
        found.reason("repeated:" + name);
      }
      met[field] = true;
      texts[field] = text;
    }
    if (isForeign && hasObject) {
      found.reason("envelope");
      return null;
    }
    if (found.unknown > 0 && !unknownFields) {
      found.reason("unknown_field");
    }
    return judge(texts, arrival, readBy, found);
  }

  /** Returns what the texts of the fields, null where there are none, stand for. */
  InternalRow judge(String[] texts, long arrival, long readBy, Found found) {
    Object[] values = new Object[fields.length];
    for (int i = 0; i < fields.length; i++) {
      values[i] = fields[i].read(texts, found);
    }
    for (KindTime time : times) {
      time.judge(values, arrival, readBy, found);
    }
    return new GenericInternalRow(values);
  }
}
