package frauddetection.wire;

import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.catalyst.util.GenericArrayData;
import org.apache.spark.unsafe.types.UTF8String;

/** What is said of one record. */
final class Found {
  /** Fields that the contract does not know. */
  int unknown;
  private final List<String> reasons = new ArrayList<>(0);
  private final List<String> notes = new ArrayList<>(0);

  /** The record is refused, and this is one reason. */
  void reason(String code) {
    if (!reasons.contains(code)) {
      reasons.add(code);
    }
  }

  /** An optional field that cannot be read is taken for absent. */
  void note(String field) {
    notes.add(field);
  }

  /** Says what the other says. */
  void take(Found other) {
    unknown += other.unknown;
    reasons.addAll(other.reasons);
    notes.addAll(other.notes);
  }

  boolean isRefused() {
    return !reasons.isEmpty();
  }

  /** Returns the reasons as Spark's array, null where there are none. */
  GenericArrayData reasons() {
    return array(reasons);
  }

  /** Returns the names of the fields that were taken for absent as Spark's array, null where there are none. */
  GenericArrayData notes() {
    return array(notes);
  }

  private static GenericArrayData array(List<String> texts) {
    return texts.isEmpty() ? null : new GenericArrayData(texts.stream().map(UTF8String::fromString).toArray());
  }
}
