package frauddetection.scoring;

import java.util.Arrays;

/**
 * From what a model gives to a fraud score: straight lines between points, constant outside.
 *
 * @param raw strictly increasing
 * @param score in [0, 1], never falling
 */
record Calibration(double[] raw, double[] score) {

  /** Returns the fraud score, NaN of NaN. */
  double apply(double value) {
    if (Double.isNaN(value)) {
      return value;
    }
    int found = Arrays.binarySearch(raw, value);
    if (found >= 0) {
      return score[found];
    }
    int next = -found - 1;
    if (next == 0 || next == raw.length) {
      return score[Math.min(next, raw.length - 1)];
    }
    double slope = (score[next] - score[next - 1]) / (raw[next] - raw[next - 1]);
    return slope * (value - raw[next - 1]) + score[next - 1];
  }

  boolean isValid() {
    if (raw == null || score == null || raw.length == 0 || raw.length != score.length) {
      return false;
    }
    for (int i = 0; i < raw.length; i++) {
      if (!Double.isFinite(raw[i]) || !(score[i] >= 0 && score[i] <= 1) || i > 0 && (raw[i] <= raw[i - 1] || score[i] < score[i - 1])) {
        return false;
      }
    }
    return true;
  }
}
