package frauddetection.history;

import frauddetection.history.Plan.Type;
import frauddetection.history.Plan.Value;
import java.util.Arrays;

/** The newest profile of a key, with the values that some aggregation is of. */
final class Profile {
  private final int[] outputs;
  private final int[] columns;
  private final Value[] values;
  private final double[] kept;
  private long time = Long.MIN_VALUE;

  Profile(Plan plan) {
    outputs = plan.profiles();
    columns = new int[outputs.length];
    values = new Value[outputs.length];
    for (int i = 0; i < outputs.length; i++) {
      columns[i] = plan.aggregations().get(outputs[i]).value();
      values[i] = plan.values().get(columns[i]);
    }
    kept = new double[outputs.length];
    Arrays.fill(kept, Double.NaN);
  }

  /** Returns whether this profile is kept: not if there is a newer one. */
  boolean arrives(long at, long[] from, long nulls) {
    if (outputs.length == 0 || at < time) {
      return false;
    }
    time = at;
    for (int i = 0; i < outputs.length; i++) {
      boolean absent = (nulls >>> columns[i] & 1) != 0;
      kept[i] = absent ? Double.NaN : Results.number(values[i].type(), from[columns[i]], Math.pow(10, values[i].scale()));
    }
    return true;
  }

  /** Forgets the profile, and how new it was. Returns whether there was one. */
  boolean forget() {
    boolean known = time != Long.MIN_VALUE;
    time = Long.MIN_VALUE;
    Arrays.fill(kept, Double.NaN);
    return known;
  }

  /** Takes over another plan's; places say which of its values these are, -1 for none. Returns whether there is one. */
  boolean take(Profile other, int[] places) {
    if (outputs.length == 0 || other.time == Long.MIN_VALUE) {
      return false;
    }
    time = other.time;
    for (int i = 0; i < kept.length; i++) {
      kept[i] = places[i] < 0 ? Double.NaN : other.kept[places[i]];
    }
    return true;
  }

  /** Microseconds; Long.MIN_VALUE as long as none has arrived. */
  long time() {
    return time;
  }

  void fill(double[] out) {
    for (int i = 0; i < outputs.length; i++) {
      out[outputs[i]] = kept[i];
    }
  }

  void write(Writer to) {
    if (outputs.length > 0) {
      to.signed(time);
      for (double value : kept) {
        to.fixed(Double.doubleToRawLongBits(value));
      }
    }
  }

  void read(Reader from) {
    if (outputs.length > 0) {
      time = from.signed();
      for (int i = 0; i < kept.length; i++) {
        kept[i] = Double.longBitsToDouble(from.fixed());
      }
    }
  }
}
