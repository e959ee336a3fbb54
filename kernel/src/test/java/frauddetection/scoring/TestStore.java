package frauddetection.scoring;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.util.Base64;
import java.util.List;
import java.util.function.Consumer;

/** A model store in a folder, and a detector with three features. */
final class TestStore {
  static final List<String> COLUMNS = List.of("amount", "count", "risk");
  static final String FEATURE_SET = "0123456789ab";

  final Path folder;

  TestStore(Path folder) {
    this.folder = folder;
  }

  Subscription subscription() {
    return subscription(null);
  }

  /** The same, of a detector that has a key. */
  Subscription subscription(PublicKey key) {
    return new Subscription(folder.toString(), COLUMNS, FEATURE_SET, 5, key == null ? null : text(key));
  }

  static String text(PublicKey key) {
    return Base64.getEncoder().encodeToString(key.getEncoded());
  }

  void sign(String version, PrivateKey key) throws IOException, GeneralSecurityException {
    Path bundle = folder.resolve(version);
    Signature signer = Signature.getInstance("Ed25519");
    signer.initSign(key);
    signer.update(Files.readAllBytes(bundle.resolve("manifest.json")));
    Files.write(bundle.resolve("manifest.sig"), signer.sign());
  }

  Bundle load(String version) throws IOException {
    return Bundle.load(folder.toString(), version, COLUMNS.toArray(String[]::new), FEATURE_SET);
  }

  /** Adds a model of `amount` and `risk`, whose usual values are 10 and none; returns its version. */
  String add(byte[] onnx, Consumer<ObjectNode> changes) throws IOException {
    return add("onnx", "model.onnx", onnx, changes);
  }

  String add(String family, String file, byte[] model, Consumer<ObjectNode> changes) throws IOException {
    String hash = StoreFiles.sha256(model);
    ObjectNode manifest = Manifest.JSON.createObjectNode();
    manifest.put("format", 1).put("version", family + "-" + hash.substring(0, 8)).put("family", family).put("feature_set", FEATURE_SET);
    manifest.putArray("features").add("amount").add("risk");
    manifest.putArray("usual").add(10.0).addNull();
    manifest.putNull("calibration");
    manifest.putObject("thresholds").put("review", 0.5).put("decline", 0.9);
    manifest.putObject("metrics").put("auc_roc", 0.88);
    manifest.putObject("files").put(file, hash);
    String version = manifest.get("version").textValue();
    changes.accept(manifest);
    Files.createDirectories(folder.resolve(version));
    Files.write(folder.resolve(version).resolve(file), model);
    Files.write(folder.resolve(version).resolve("manifest.json"), Manifest.JSON.writeValueAsBytes(manifest));
    return version;
  }

  String add(byte[] onnx) throws IOException {
    return add(onnx, manifest -> {});
  }

  /** Adds a model that gives every transaction one score. */
  String constant(double score) throws IOException {
    return add(Onnx.logistic(Onnx.FLOAT, Onnx.Output.ONE, Math.log(score / (1 - score)), 0, 0));
  }

  /** Points a role, champion or challenger, at a version. */
  void point(String role, String version) throws IOException {
    point(role, version, StoreFiles.sha256(Files.readAllBytes(folder.resolve(version).resolve("manifest.json"))));
  }

  void point(String role, String version, String manifestSha256) throws IOException {
    ObjectNode pointer = Manifest.JSON.createObjectNode();
    pointer.put("version", version).put("manifest_sha256", manifestSha256).put("reason", "test").putNull("previous");
    Path file = folder.resolve(role + ".json");
    Path beside = folder.resolve(role + ".new");
    Files.write(beside, Manifest.JSON.writeValueAsBytes(pointer));
    Files.move(beside, file, java.nio.file.StandardCopyOption.ATOMIC_MOVE);
  }
}
