package frauddetection.scoring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class BundleTest {
  private static final byte[] MODEL = Onnx.logistic(Onnx.DOUBLE, Onnx.Output.ONE, -2, 0.01, 3);
  private static final double[] ROW = {100.1, Double.NaN, 0.7};

  @TempDir Path folder;
  private TestStore store;

  @BeforeEach
  void open() {
    store = new TestStore(folder);
  }

  private static double sigmoid(double value) {
    return 1 / (1 + Math.exp(-value));
  }

  @ParameterizedTest
  @EnumSource(Onnx.Output.class)
  void whateverFormItsScoresHaveTheLastColumnCounts(Onnx.Output output) throws IOException {
    Bundle doubles = store.load(store.add(Onnx.logistic(Onnx.DOUBLE, output, -2, 0.01, 3)));
    assertEquals(sigmoid(-2 + 0.01 * 100.1 + 3 * 0.7), doubles.score(ROW), 1e-15);
    Bundle floats = store.load(store.add(Onnx.logistic(Onnx.FLOAT, output, -2, 0.01, 3)));
    assertEquals(sigmoid(-2 + 0.01 * 100.1 + 3 * 0.7), floats.score(ROW), 1e-6);
  }

  @Test
  void whatIsAbsentReachesTheModelAsSuch() throws IOException {
    Bundle bundle = store.load(store.add(MODEL));
    assertEquals(sigmoid(-2 + 1), bundle.score(new double[] {100, 5, Double.NaN}), 1e-15);
    Bundle given = store.load(store.add(Onnx.identity(), one -> {
      one.putArray("features").add("amount");
      one.putArray("usual").add(1.0);
    }));
    assertTrue(Double.isNaN(given.score(new double[] {Double.NaN, 0, 0})));
    assertNull(given.decision(Double.NaN));
  }

  @ParameterizedTest
  @CsvSource({"-14, NaN", "-0.001, NaN", "-1e-7, 0", "0, 0", "1, 1", "1.0000001, 1", "1.001, NaN", "14, NaN", "Infinity, NaN", "-Infinity, NaN"})
  void whatIsOutsideOfZeroToOneIsNoScore(double raw, double score) throws IOException {
    Bundle bundle = store.load(store.add(Onnx.identity(), one -> {
      one.putArray("features").add("count");
      one.putArray("usual").add(1.0);
    }));
    assertEquals(score, bundle.score(new double[] {0, raw, 0}));
    assertTrue(bundle.explain(new double[] {0, raw, 0}).stream().allMatch(one -> Double.isFinite(one.contribution())));
  }

  @ParameterizedTest
  @CsvSource({"-1, 0.2", "0, 0.2", "1, 0.2", "2, 0.35", "3, 0.5", "3.5, 0.7", "4, 0.9", "9, 0.9"})
  void betweenThePointsOfItsCalibrationAreStraightLines(double raw, double score) throws IOException {
    Bundle bundle = store.load(store.add(Onnx.identity(), one -> {
      one.putArray("features").add("count");
      one.putArray("usual").add(1.0);
      one.putObject("calibration").putArray("raw").add(0.0).add(1.0).add(3.0).add(4.0);
      ((ObjectNode) one.get("calibration")).putArray("score").add(0.2).add(0.2).add(0.5).add(0.9);
    }));
    assertEquals(score, bundle.score(new double[] {0, raw, 0}), 1e-12);
  }

  @ParameterizedTest
  @CsvSource({"0.49, approve, approve", "0.5, review, approve", "0.89, review, approve", "0.9, decline, decline"})
  void aScoreIsDecidedByThresholds(double score, String decision, String declineOnly) throws IOException {
    assertEquals(decision, store.load(store.add(MODEL)).decision(score));
    String version = store.add(MODEL, one -> ((ObjectNode) one.get("thresholds")).putNull("review"));
    assertEquals(declineOnly, store.load(version).decision(score));
  }

  @Test
  void theThreeGreatestDifferencesToTheUsualExplain() throws IOException {
    int width = 20;
    List<String> columns = IntStream.range(0, width).mapToObj(i -> "f" + i).toList();
    Random random = new Random(7);
    double[] weights = random.doubles(width, -1, 1).toArray();
    weights[3] = weights[4] = 0;
    weights[6] = weights[5];
    String version = store.add(Onnx.logistic(Onnx.DOUBLE, Onnx.Output.TWO, 0.1, weights), one -> {
      one.set("features", Manifest.JSON.valueToTree(columns));
      one.set("usual", Manifest.JSON.valueToTree(IntStream.range(0, width).mapToObj(i -> i % 4 == 0 ? null : 0.25).toList()));
    });
    Bundle bundle = Bundle.load(folder.toString(), version, columns.toArray(String[]::new), TestStore.FEATURE_SET);
    for (int row = 0; row < 200; row++) {
      double[] values = IntStream.range(0, width).mapToDouble(i -> random.nextInt(3) == 0 ? Double.NaN : random.nextInt(4) / 4.0).toArray();
      List<Contribution> expected = new ArrayList<>();
      for (int i = 0; i < width; i++) {
        double[] usual = values.clone();
        usual[i] = i % 4 == 0 ? Double.NaN : 0.25;
        double difference = bundle.score(values) - bundle.score(usual);
        if (difference != 0) {
          expected.add(new Contribution(columns.get(i), values[i], usual[i], difference));
        }
      }
      expected.sort(Comparator.comparing(one -> -Math.abs(one.contribution())));
      assertEquals(expected.subList(0, Math.min(3, expected.size())), bundle.explain(values));
    }
    assertEquals(List.of(), bundle.explain(IntStream.range(0, width).mapToDouble(i -> i % 4 == 0 ? Double.NaN : 0.25).toArray()));
  }

  @Test
  void whereTheCalibrationIsLevelThereAreReasonsStill() throws IOException {
    Consumer<ObjectNode> level = one -> {
      one.putObject("calibration").putArray("raw").add(0.0).add(0.1);
      ((ObjectNode) one.get("calibration")).putArray("score").add(0.0).add(0.9);
    };
    List<Contribution> reasons = store.load(store.add(MODEL, level)).explain(ROW);
    assertEquals(List.of("risk", "amount"), reasons.stream().map(Contribution::feature).toList());
    assertTrue(reasons.get(0).contribution() > 0);
  }

  /** What is put into the manifest, and what is said of it. */
  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
    "format      | 3                             | its format is 3, and this detector reads formats 1 and 2",
    "format      | 2                             | its format is 2, and its manifest.json does not list reference.json",
    "version     | \"onnx-00000000\"             | its manifest.json is that of version onnx-00000000",
    "family      | \"pickle\"                    | its family, pickle, is not known",
    "family      | null                          | its family, null, is not known",
    "feature_set | \"ffffffffffff\"              | it was trained on the feature set ffffffffffff, and the detector's is 0123456789ab",
    "features    | [\"amount\", \"shoe_size\"]   | its feature shoe_size is none of the detector's",
    "features    | [\"amount\", \"amount\"]      | it names a feature twice",
    "features    | []                            | it names no features",
    "usual       | [1.0]                         | it needs one usual value for each of its 2 features",
    "features    | [\"amount\",\"count\",\"risk\"] | it needs one usual value for each of its 3 features",
    "calibration | {\"raw\":[0,0],\"score\":[0,1]}     | its calibration is no rising map into [0, 1]",
    "calibration | {\"raw\":[0,1],\"score\":[0,1.1]}   | its calibration is no rising map into [0, 1]",
    "calibration | {\"raw\":[0,1,2],\"score\":[0,1,0]} | its calibration is no rising map into [0, 1]",
    "calibration | {\"raw\":[],\"score\":[]}     | its calibration is no rising map into [0, 1]",
    "files       | {}                            | its manifest.json does not list model.onnx",
    "files       | {\"model.onnx\": \"%s\", \"../secret\": \"00\"}   | its file '../secret' would lie outside the bundle",
    "files       | {\"model.onnx\": \"%s\", \"/etc/passwd\": \"00\"} | its file '/etc/passwd' would lie outside the bundle",
    "files       | {\"model.onnx\": \"%s\", \".hidden\": \"00\"}     | its file '.hidden' would lie outside the bundle",
    "files       | {\"model.onnx\": \"%s\", \"weights.bin\": \"00\"} | its weights.bin is missing",
    "files       | {\"model.onnx\": \"00\"}      | its name does not end with the first 8 digits of its model's hash"})
  void aManifestThatCannotBeServedIsRefused(String field, String value, String why) throws IOException {
    String json = value.formatted(StoreFiles.sha256(MODEL));
    String version = store.add(MODEL, one -> one.set(field, tree(json)));
    BundleRefused refused = assertThrows(BundleRefused.class, () -> store.load(version));
    assertEquals("Model " + version + " is refused: " + why, refused.getMessage());
  }

  @Test
  void aBundleWithAReferenceScoresAsTheOneWithout() throws IOException {
    double expected = store.load(store.add(MODEL)).score(ROW);
    byte[] reference = "{}".getBytes(java.nio.charset.StandardCharsets.UTF_8);
    String version = store.add(MODEL, one -> {
      one.put("format", 2);
      ((ObjectNode) one.get("files")).put("reference.json", StoreFiles.sha256(reference));
    });
    Files.write(folder.resolve(version).resolve("reference.json"), reference);
    assertEquals(expected, store.load(version).score(ROW));
    Files.write(folder.resolve(version).resolve("reference.json"), new byte[] {'['});
    assertRefused(version, "its reference.json is not the one that was promised: the SHA-256 differs");
    Files.delete(folder.resolve(version).resolve("reference.json"));
    assertRefused(version, "its reference.json is missing");
  }

  @Test
  void aFileThatIsNotThePromisedOneIsRefused() throws IOException {
    String version = store.add(MODEL);
    Path model = folder.resolve(version).resolve("model.onnx");
    byte[] changed = MODEL.clone();
    changed[changed.length / 2] ^= 1;
    Files.write(model, changed);
    assertRefused(version, "its model.onnx is not the one that was promised: the SHA-256 differs");
    Files.delete(model);
    assertRefused(version, "its model.onnx is missing");
    Files.write(folder.resolve(version).resolve("manifest.json"), new byte[] {'{'});
    assertRefused(version, "its manifest.json cannot be read");
    Files.delete(folder.resolve(version).resolve("manifest.json"));
    assertRefused(version, "its manifest.json is missing");
  }

  @ParameterizedTest
  @ValueSource(strings = {"../elsewhere", "/etc", "..", "a/b", "", "Upper"})
  void aVersionCannotLeadOutOfTheStore(String version) {
    assertRefused(version, "that is no name of a version");
  }

  @Test
  void aModelOfAnotherShapeIsRefused() throws IOException {
    Map<String, byte[]> models = Map.of(
        "takes [N, 3], and must take any number of rows of 2 features", Onnx.logistic(Onnx.FLOAT, Onnx.Output.ONE, 0, 1, 2, 3),
        "takes [1, 2], and must take any number of rows of 2 features", Onnx.cast(Onnx.FLOAT, 1, 2, Onnx.FLOAT),
        "the input 'x' of its model.onnx is no tensor of floats or doubles", Onnx.cast(Onnx.INT64, -1, 2, Onnx.FLOAT),
        "the output 'score' of its model.onnx is no tensor of floats or doubles", Onnx.cast(Onnx.FLOAT, -1, 2, Onnx.INT64),
        "ONNX Runtime cannot use model.onnx", "no model at all".getBytes(java.nio.charset.StandardCharsets.UTF_8));
    for (Map.Entry<String, byte[]> one : models.entrySet()) {
      assertRefused(store.add(one.getValue()), one.getKey());
    }
  }

  @Test
  void weightsInAFileThatNoHashCoversAreNotRead() throws IOException {
    Path secret = Files.write(Path.of("target", "weights.bin"), new byte[Float.BYTES]);
    for (String location : List.of(secret.toString(), secret.toAbsolutePath().toString(), "../kernel/" + secret)) {
      String version = store.add(Onnx.outside(location), one -> {
        one.putArray("features").add("amount");
        one.putArray("usual").add(1.0);
      });
      assertRefused(version, "External data path validation failed");
    }
  }

  private void assertRefused(String version, String why) {
    BundleRefused refused = assertThrows(BundleRefused.class, () -> store.load(version));
    assertTrue(refused.getMessage().contains(why), refused.getMessage());
    assertTrue(refused.getMessage().contains(version), refused.getMessage());
  }

  private static com.fasterxml.jackson.databind.JsonNode tree(String json) {
    try {
      return Manifest.JSON.readTree(json);
    } catch (IOException error) {
      throw new IllegalArgumentException(error);
    }
  }
}
