package frauddetection.scoring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Trees of MLlib as a bundle keeps them; that trained ones score as MLlib does is shown by tests/spark/test_scoring.py. */
class MllibModelTest {
  /** Two trees: amounts up to 50 have 1 fraud in 10, else a risk up to 0.5 has 1 in 2; and one leaf of 1 in 4. */
  private static final String FOREST = """
      {"kind": "random_forest", "absent": [-1.0, 0.7], "weights": [1, 1], "trees": [
        {"feature": [0, -1, 1, -1, -1], "threshold": [50, 0, 0.5, 0, 1], "right": [2, 0, 4, 0, 0],
         "stats": [[], [9, 1], [], [5, 5], [0, 2]]},
        {"feature": [-1], "threshold": [0], "right": [0], "stats": [[3, 1]]}]}""";

  private static final String BOOSTED = """
      {"kind": "gbt", "absent": [-1.0, 0.7], "weights": [1, 0.5], "trees": [
        {"feature": [0, -1, -1], "threshold": [50, -0.8, 0.9], "right": [2, 0, 0], "stats": [[], [], []]},
        {"feature": [-1], "threshold": [0.2], "right": [0], "stats": [[]]}]}""";

  @TempDir Path folder;

  private Bundle load(String family, String trees) throws IOException {
    TestStore store = new TestStore(folder);
    return store.load(store.add(family, "trees.json", trees.getBytes(StandardCharsets.UTF_8), one -> {}));
  }

  @Test
  void aForestsScoreIsTheMeanOfItsLeavesShares() throws IOException {
    Bundle bundle = load("mllib_random_forest", FOREST);
    assertEquals((0.1 + 0.25) / 2, bundle.score(new double[] {50, 0, 1}), 1e-15);
    assertEquals((0.5 + 0.25) / 2, bundle.score(new double[] {51, 0, 0.5}), 1e-15);
    assertEquals((0.1 + 0.25) / 2, bundle.score(new double[] {Double.NaN, 0, 1}), 1e-15, "an absent amount is -1");
    assertEquals((1 + 0.25) / 2, bundle.score(new double[] {51, 0, Double.NaN}), 1e-15, "an absent risk is 0.7");
    assertEquals("risk", bundle.explain(new double[] {51, 0, 0.5}).get(0).feature());
  }

  @Test
  void boostedTreesAddUp() throws IOException {
    Bundle bundle = load("mllib_gbt", BOOSTED);
    assertEquals(1 / (1 + Math.exp(-2 * (0.9 + 0.1))), bundle.score(new double[] {51, 0, 0}), 1e-15);
    assertEquals(1 / (1 + Math.exp(-2 * (-0.8 + 0.1))), bundle.score(new double[] {50, 0, 0}), 1e-15);
  }

  /** What is changed in the forest, into what, and what is said of it. */
  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
    "random_forest\"           | pickle\"         | cannot be read",
    "\"trees\": [              | \"twigs\": [     | cannot be read",
    "\"right\": [0],           |                  | a part is absent",
    "\"kind\": \"random_forest\", |               | a part is absent",
    "[-1.0, 0.7]               | [-1.0]           | they take 1 features",
    "[1, 1]                    | [1]              | a tree has no weight",
    "\"right\": [2, 0, 4, 0, 0] | \"right\": [0, 0, 4, 0, 0] | a tree leads nowhere",
    "\"right\": [2, 0, 4, 0, 0] | \"right\": [2, 0, 5, 0, 0] | a tree leads nowhere",
    "\"right\": [2, 0, 4, 0, 0] | \"right\": [2, 0, 4, 0] | a tree's columns differ in length",
    "[0, -1, 1, -1, -1]        | [0, -1, 2, -1, -1] | a tree leads nowhere",
    "[3, 1]                    | [3]              | a leaf has no counts",
    "[3, 1]                    | [0, 0]           | a leaf has no counts"})
  void treesThatLeadNowhereAreRefused(String what, String into, String why) {
    String broken = FOREST.replace(what, into == null ? "" : into);
    assertTrue(!broken.equals(FOREST), "nothing was changed");
    BundleRefused refused = assertThrows(BundleRefused.class, () -> load("mllib_random_forest", broken));
    assertTrue(refused.getMessage().contains(why), refused.getMessage());
  }

  @Test
  void aTreeDeeperThanMllibsIsRefused() {
    int depth = 31;
    StringBuilder feature = new StringBuilder();
    StringBuilder right = new StringBuilder();
    StringBuilder rest = new StringBuilder();
    for (int i = 0; i < depth; i++) {
      feature.append("0, ");
      right.append(2 * depth - i).append(", ");
      rest.append("[], ");
    }
    String leaves = ", -1".repeat(depth).substring(2) + ", -1";
    String tree = "{\"feature\": [%s%s], \"threshold\": [%s], \"right\": [%s%s], \"stats\": [%s%s]}".formatted(
        feature, leaves, "0, ".repeat(2 * depth) + "0", right, "0, ".repeat(depth) + "0", rest, "[1, 1], ".repeat(depth) + "[1, 1]");
    String deep = "{\"kind\": \"random_forest\", \"absent\": [0, 0], \"weights\": [1], \"trees\": [" + tree + "]}";
    BundleRefused refused = assertThrows(BundleRefused.class, () -> load("mllib_random_forest", deep));
    assertTrue(refused.getMessage().contains("deeper than MLlib's"), refused.getMessage());
  }
}
