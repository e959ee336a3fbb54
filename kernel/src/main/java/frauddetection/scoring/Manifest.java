package frauddetection.scoring;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.io.IOException;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * What a bundle says of itself in manifest.json: the part that is needed to score. training/bundle.py has the whole.
 *
 * @param features the model's inputs in order
 * @param usual of each feature the value that it usually has, null where it is usually absent
 * @param calibration null where the model's output is the fraud score
 * @param thresholds null for none
 * @param files SHA-256 by name
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
@JsonIgnoreProperties(ignoreUnknown = true)
record Manifest(
    int format,
    String version,
    String family,
    String featureSet,
    List<String> features,
    List<Double> usual,
    Calibration calibration,
    Thresholds thresholds,
    Map<String, String> files) {

  static final String ONNX = "model.onnx";
  static final String TREES = "trees.json";
  static final String REFERENCE = "reference.json";
  static final ObjectMapper JSON = new ObjectMapper();

  private static final int FORMAT = 1;
  /** As format 1, and among its files is what payments and scores were like when it was made: the detector verifies it, and no more. */
  private static final int FORMAT_WITH_REFERENCE = 2;
  private static final int HASH_DIGITS = 8;
  private static final String MLLIB = "mllib_";
  private static final Set<String> FAMILIES =
      Set.of(
          "logistic_regression", "decision_tree", "random_forest", "xgboost", "isolation_forest", MLLIB + "random_forest", MLLIB + "gbt", "onnx");
  private static final Pattern VERSION = Pattern.compile("[a-z0-9][a-z0-9._-]{0,99}");
  private static final Pattern PLAIN = Pattern.compile("[A-Za-z0-9][A-Za-z0-9_-]*(\\.[A-Za-z0-9_-]+)*");

  /** From which score on a transaction is reviewed or declined; null for never. */
  record Thresholds(Double review, Double decline) {}

  /** Returns whether it names a version: such a name leads nowhere but into the store. */
  static boolean isVersion(String name) {
    return name != null && VERSION.matcher(name).matches();
  }

  /**
   * Returns the manifest of a model that the detector can use, as far as a manifest tells.
   *
   * @param columns the detector's features
   * @throws BundleRefused with what is wrong
   */
  static Manifest parse(String version, byte[] json, List<String> columns, String featureSet) {
    Manifest manifest;
    try {
      manifest = JSON.readValue(json, Manifest.class);
    } catch (IOException error) {
      throw new BundleRefused(version, "its manifest.json cannot be read: " + firstLine(error.getMessage()));
    }
    String why = manifest == null ? "its manifest.json is empty" : manifest.fault(version, columns, featureSet);
    if (why != null) {
      throw new BundleRefused(version, why);
    }
    return manifest;
  }

  /** Returns whether Spark MLlib scores the model. */
  boolean isMllib() {
    return family.startsWith(MLLIB);
  }

  /** Returns the name of the file that is the model. */
  String modelFile() {
    return isMllib() ? TREES : ONNX;
  }

  static String firstLine(String text) {
    return text == null ? "" : text.strip().lines().findFirst().orElse("");
  }

  private String fault(String name, List<String> columns, String detector) {
    if (format != FORMAT && format != FORMAT_WITH_REFERENCE) {
      return "its format is " + format + ", and this detector reads formats " + FORMAT + " and " + FORMAT_WITH_REFERENCE;
    }
    if (!name.equals(version)) {
      return "its manifest.json is that of version " + version;
    }
    if (family == null || !FAMILIES.contains(family)) {
      return "its family, " + family + ", is not known";
    }
    if (!detector.equals(featureSet)) {
      return "it was trained on the feature set " + featureSet + ", and the detector's is " + detector;
    }
    String why = faultOfFeatures(columns);
    return why == null ? faultOfFiles() : why;
  }

  private String faultOfFeatures(List<String> columns) {
    if (features == null || features.isEmpty()) {
      return "it names no features";
    }
    for (String feature : features) {
      if (!columns.contains(feature)) {
        return "its feature " + feature + " is none of the detector's";
      }
    }
    if (new HashSet<>(features).size() != features.size()) {
      return "it names a feature twice";
    }
    if (usual == null || usual.size() != features.size()) {
      return "it needs one usual value for each of its " + features.size() + " features";
    }
    if (calibration != null && !calibration.isValid()) {
      return "its calibration is no rising map into [0, 1]";
    }
    return null;
  }

  private String faultOfFiles() {
    if (files == null || files.get(modelFile()) == null) {
      return "its manifest.json does not list " + modelFile();
    }
    if (format == FORMAT_WITH_REFERENCE && files.get(REFERENCE) == null) {
      return "its format is 2, and its manifest.json does not list " + REFERENCE;
    }
    for (String file : files.keySet()) {
      if (!PLAIN.matcher(file).matches()) {
        return "its file '" + file + "' would lie outside the bundle";
      }
    }
    String model = files.get(modelFile());
    if (!version.endsWith(model.substring(0, Math.min(HASH_DIGITS, model.length())))) {
      return "its name does not end with the first " + HASH_DIGITS + " digits of its model's hash";
    }
    return null;
  }
}
