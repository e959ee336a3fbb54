package frauddetection.scoring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.core.LogEvent;
import org.apache.logging.log4j.core.Logger;
import org.apache.logging.log4j.core.appender.AbstractAppender;
import org.apache.logging.log4j.core.config.Property;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.unsafe.types.UTF8String;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelStoreTest {
  private static final InternalRow ROW = new GenericInternalRow(new Object[] {12.0, null, Double.NaN});

  @TempDir Path folder;
  private TestStore store;
  private final List<String> said = new ArrayList<>();
  private final Logger log = (Logger) LogManager.getLogger(ModelStore.class);
  private final AbstractAppender listener = new AbstractAppender("test", null, null, true, Property.EMPTY_ARRAY) {
    @Override
    public void append(LogEvent event) {
      said.add(event.getLevel() + " " + event.getMessage().getFormattedMessage());
    }
  };

  @BeforeEach
  void open() {
    store = new TestStore(folder);
    listener.start();
    log.addAppender(listener);
    log.setAdditive(false);
    log.setLevel(Level.WARN);
  }

  @AfterEach
  void close() {
    log.removeAppender(listener);
  }

  private static String version(Bundle bundle) {
    return bundle == null ? null : bundle.version();
  }

  @Test
  void aPromotionIsTakenAndAnEndedChallengerGoes() throws IOException {
    ModelStore models = new ModelStore(store.subscription());
    assertNull(models.served().champion());
    String first = store.constant(0.2);
    String second = store.constant(0.7);
    store.point("champion", first);
    models.poll();
    assertEquals(first, version(models.served().champion()));
    assertNull(models.served().challenger());
    store.point("challenger", second);
    models.poll();
    assertEquals(second, version(models.served().challenger()));
    store.point("champion", second);
    Files.delete(folder.resolve("challenger.json"));
    models.poll();
    assertEquals(second, version(models.served().champion()));
    assertNull(models.served().challenger());
  }

  @Test
  void aChampionThatCannotBeServedLeavesTheOneBefore() throws IOException {
    String good = store.constant(0.2);
    store.point("champion", good);
    ModelStore models = new ModelStore(store.subscription());
    Bundle before = models.served().champion();
    String foreign = store.add(Onnx.identity(), one -> one.put("feature_set", "ffffffffffff"));
    store.point("champion", foreign);
    models.poll();
    assertSame(before, models.served().champion());
    store.point("champion", store.constant(0.7), "00");
    models.poll();
    assertSame(before, models.served().champion());
    store.point("champion", "../elsewhere", "00");
    models.poll();
    assertSame(before, models.served().champion());
    Files.writeString(folder.resolve("champion.json"), "{\"version\": ");
    models.poll();
    assertSame(before, models.served().champion());
    Files.delete(folder.resolve("champion.json"));
    models.poll();
    assertSame(before, models.served().champion());
    String next = store.constant(0.7);
    store.point("champion", next);
    models.poll();
    assertEquals(next, version(models.served().champion()));
  }

  @Test
  void whatIsWrongIsSaidOnce() throws IOException {
    String good = store.constant(0.2);
    store.point("champion", good);
    ModelStore models = new ModelStore(store.subscription());
    String bad = store.add(Onnx.identity(), one -> one.put("format", 3));
    store.point("champion", bad);
    IntStream.range(0, 3).forEach(poll -> models.poll());
    assertTrue(models.refuses());
    Files.delete(folder.resolve("champion.json"));
    IntStream.range(0, 3).forEach(poll -> models.poll());
    assertTrue(models.refuses());
    Files.createDirectory(folder.resolve("champion.json"));
    IntStream.range(0, 3).forEach(poll -> models.poll());
    assertTrue(models.refuses());
    String unreadable = "The model store " + folder + " cannot be read, {\"champion\":\"" + good + "\",\"challenger\":null} stays: ";
    List<String> expected = List.of(
        "ERROR Model " + bad + " is refused: its format is 3, and this detector reads formats 1 and 2; the champion stays " + good,
        "WARN champion.json has gone from " + folder + "; the champion stays " + good,
        "WARN " + unreadable);
    assertEquals(expected.size(), said.size(), said.toString());
    IntStream.range(0, said.size()).forEach(i -> assertTrue(said.get(i).startsWith(expected.get(i)), said.get(i)));
  }

  @Test
  void aVersionWhoseFilesComeAfterItsPointerIsTaken() throws IOException {
    String good = store.constant(0.2);
    store.point("champion", good);
    ModelStore models = new ModelStore(store.subscription());
    String late = store.constant(0.7);
    store.point("champion", late);
    Path away = Files.move(folder.resolve(late), folder.resolve("away"));
    assertFalse(models.refuses());
    models.poll();
    assertEquals(good, version(models.served().champion()));
    assertTrue(models.refuses());
    Files.move(away, folder.resolve(late));
    models.poll();
    assertEquals(late, version(models.served().champion()));
    assertFalse(models.refuses());
    assertEquals(1, said.size(), said.toString());
  }

  @Test
  void aStoreThatCannotBeReadAtTheStartIsLookedAtAgain() throws IOException {
    Files.createDirectory(folder.resolve("champion.json"));
    ModelStore models = new ModelStore(store.subscription());
    assertNull(models.served().champion());
    Files.delete(folder.resolve("champion.json"));
    String good = store.constant(0.2);
    store.point("champion", good);
    models.poll();
    assertEquals(good, version(models.served().champion()));
  }

  @Test
  void aRefusedChallengerDoesNotHoldUpTheChampion() throws IOException {
    String first = store.constant(0.2);
    store.point("champion", first);
    ModelStore models = new ModelStore(store.subscription());
    String second = store.constant(0.7);
    store.point("champion", second);
    store.point("challenger", first, "00");
    models.poll();
    assertEquals(second, version(models.served().champion()));
    assertNull(models.served().challenger());
  }

  @Test
  void aStoreThatCannotBeReadForAWhileLosesNothing() throws IOException {
    String first = store.constant(0.2);
    store.point("champion", first);
    ModelStore models = new ModelStore(store.subscription());
    String second = store.constant(0.7);
    store.point("champion", second);
    // To read it is an error of the file system, and no verdict about the model.
    Path model = folder.resolve(second).resolve("model.onnx");
    byte[] bytes = Files.readAllBytes(model);
    Files.delete(model);
    Files.createDirectory(model);
    models.poll();
    assertEquals(first, version(models.served().champion()));
    Files.delete(model);
    Files.write(model, bytes);
    models.poll();
    assertEquals(second, version(models.served().champion()));
  }

  @Test
  void whatHasScoredCanExplainWhenOthersServe() throws IOException {
    List<String> versions = IntStream.range(1, 8).mapToObj(i -> {
      try {
        return store.add(Onnx.logistic(Onnx.FLOAT, Onnx.Output.ONE, 0, 0.01 * i, 0));
      } catch (IOException error) {
        throw new java.io.UncheckedIOException(error);
      }
    }).toList();
    store.point("champion", versions.get(6));
    Explain explain = new Explain(store.subscription());
    for (String version : versions) {
      var reasons = explain.read(ROW, UTF8String.fromString(version));
      assertEquals(1, reasons.numElements());
      InternalRow reason = reasons.getStruct(0, 4);
      assertEquals("amount", reason.getUTF8String(0).toString());
      assertEquals(12, reason.getDouble(1));
      assertEquals(10, reason.getDouble(2));
      double rise = 0.01 * (versions.indexOf(version) + 1);
      assertEquals(1 / (1 + Math.exp(-12 * rise)) - 1 / (1 + Math.exp(-10 * rise)), reason.getDouble(3), 1e-6);
    }
    assertNull(explain.read(ROW, null));
    assertNull(explain.read(null, UTF8String.fromString(versions.get(0))));
    ModelStore models = new ModelStore(store.subscription());
    assertSame(models.bundle(versions.get(0)), models.bundle(versions.get(0)));
    Bundle first = models.bundle(versions.get(0));
    versions.subList(1, 6).forEach(models::bundle);
    assertNotSame(first, models.bundle(versions.get(0)));
  }

  @Test
  void aRowSaysWhatItWasScoredBy() throws IOException {
    Score score = new Score(store.subscription());
    assertNull(score.read(null));
    assertNull(score.read(ROW));
    String champion = store.constant(0.6);
    String challenger = store.constant(0.95);
    store.point("champion", champion);
    ModelStore.of(store.subscription()).poll();
    InternalRow scored = score.read(ROW);
    assertEquals(0.6, scored.getDouble(0), 1e-6);
    assertEquals(champion, scored.getUTF8String(1).toString());
    assertEquals("review", scored.getUTF8String(2).toString());
    assertTrue(scored.isNullAt(3) && scored.isNullAt(4));
    store.point("challenger", challenger);
    ModelStore.of(store.subscription()).poll();
    scored = score.read(ROW);
    assertEquals("review", scored.getUTF8String(2).toString());
    assertEquals(0.95, scored.getDouble(3), 1e-6);
    assertEquals(challenger, scored.getUTF8String(4).toString());
    assertEquals("{\"champion\":\"%s\",\"challenger\":\"%s\"}".formatted(champion, challenger), ModelStore.served(folder.toString()));
  }

  @Test
  void beforeADetectorStartsItsModelsAreChecked() throws IOException {
    String[] columns = TestStore.COLUMNS.toArray(String[]::new);
    assertEquals("{\"champion\":null,\"challenger\":null}", ModelStore.check(folder.toString(), columns, TestStore.FEATURE_SET, null));
    String version = store.constant(0.2);
    store.point("champion", version);
    assertEquals(
        "{\"champion\":\"" + version + "\",\"challenger\":null}", ModelStore.check(folder.toString(), columns, TestStore.FEATURE_SET, null));
    store.point("challenger", version, "00");
    BundleRefused refused =
        assertThrows(BundleRefused.class, () -> ModelStore.check(folder.toString(), columns, TestStore.FEATURE_SET, null));
    assertEquals(
        "Model " + version + " is refused: its manifest.json is not the one that was promised: the SHA-256 differs", refused.getMessage());
    assertThrows(BundleRefused.class, () -> ModelStore.check(folder.toString(), columns, "ffffffffffff", null));
  }

  @Test
  void aDetectorWithAKeyTakesSignedModelsAlone() throws IOException, GeneralSecurityException {
    KeyPairGenerator keys = KeyPairGenerator.getInstance("Ed25519");
    KeyPair ours = keys.generateKeyPair();
    String version = store.constant(0.2);
    store.point("champion", version);
    ModelStore models = new ModelStore(store.subscription(ours.getPublic()));
    assertNull(models.served().champion());
    assertTrue(models.refuses());
    store.sign(version, keys.generateKeyPair().getPrivate());
    models.poll();
    Path signature = folder.resolve(version).resolve("manifest.sig");
    Files.write(signature, new byte[] {1, 2, 3});
    models.poll();
    assertNull(models.served().champion());
    String refused = "ERROR Model " + version + " is refused: ";
    String wrong = refused + "its manifest.sig is not the signature of its manifest.json by this detector's key; the champion stays none";
    assertEquals(
        List.of(
            refused + "it is not signed, and this detector takes none but signed models: its manifest.sig is missing; the champion stays none",
            wrong),
        said);
    store.sign(version, ours.getPrivate());
    models.poll();
    assertEquals(version, version(models.served().champion()));
    assertFalse(models.refuses());

    // A signature does not wander: a manifest that says anything else needs its own.
    String other = store.constant(0.7);
    Files.copy(signature, folder.resolve(other).resolve("manifest.sig"));
    store.point("champion", other);
    models.poll();
    assertEquals(version, version(models.served().champion()));
    String[] columns = TestStore.COLUMNS.toArray(String[]::new);
    String key = TestStore.text(ours.getPublic());
    assertThrows(BundleRefused.class, () -> ModelStore.check(folder.toString(), columns, TestStore.FEATURE_SET, key));
    store.sign(other, ours.getPrivate());
    assertEquals(
        "{\"champion\":\"" + other + "\",\"challenger\":null}", ModelStore.check(folder.toString(), columns, TestStore.FEATURE_SET, key));
  }

  @Test
  void whileModelsAreSwappedEveryScoreIsThatOfTheVersionItNames() throws Exception {
    Map<String, Double> scores = new ConcurrentHashMap<>();
    for (int i = 1; i < 10; i++) {
      scores.put(store.constant(i / 10.0), i / 10.0);
    }
    List<String> versions = List.copyOf(scores.keySet());
    store.point("champion", versions.get(0));
    store.point("challenger", versions.get(1));
    Score score = new Score(store.subscription());
    score.read(ROW);
    AtomicBoolean done = new AtomicBoolean();
    Set<String> seen = ConcurrentHashMap.newKeySet();
    ExecutorService threads = Executors.newFixedThreadPool(4);
    List<Future<?>> readers = IntStream.range(0, 4).<Future<?>>mapToObj(thread -> threads.submit(() -> {
      while (!done.get()) {
        InternalRow scored = score.read(ROW);
        seen.add(scored.getUTF8String(1).toString());
        assertEquals(scores.get(scored.getUTF8String(1).toString()), scored.getDouble(0), 1e-6);
        assertEquals(scores.get(scored.getUTF8String(4).toString()), scored.getDouble(3), 1e-6);
      }
    })).toList();
    ModelStore models = ModelStore.of(store.subscription());
    for (int swap = 0; swap < 60; swap++) {
      store.point("champion", versions.get(swap % versions.size()));
      store.point("challenger", versions.get((swap + 1) % versions.size()));
      models.poll();
      if (swap % 10 == 0) {
        System.gc(); // what no longer serves is freed beside those who score
      }
    }
    done.set(true);
    for (Future<?> reader : readers) {
      reader.get();
    }
    threads.shutdown();
    assertTrue(seen.size() > 1, "no swap was seen");
  }
}
