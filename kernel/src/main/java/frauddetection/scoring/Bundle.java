package frauddetection.scoring;

import java.io.IOException;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.Signature;
import java.security.spec.X509EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Comparator;
import java.util.List;

/** One version of a model, verified: every file is what its manifest says. Any number of threads may use it. */
public final class Bundle {
  static final String MANIFEST = "manifest.json";
  static final String SIGNATURE = "manifest.sig";
  private static final String ALGORITHM = "Ed25519";
  private static final int EXPLAINED = 3;
  /** By how much a score may leave [0, 1], as sums of floats do; training/trial.py has the same. */
  private static final double ROUNDING = 1e-6;

  private final Manifest manifest;
  private final String manifestSha256;
  private final Model model;
  private final int[] inputs;
  private final double[] usual;

  private Bundle(Manifest manifest, String manifestSha256, Model model, List<String> columns) {
    this.manifest = manifest;
    this.manifestSha256 = manifestSha256;
    this.model = model;
    inputs = manifest.features().stream().mapToInt(columns::indexOf).toArray();
    usual = manifest.usual().stream().mapToDouble(one -> one == null ? Double.NaN : one).toArray();
  }

  /**
   * Loads a version that nothing pins but its own manifest, signed or not.
   *
   * @param columns the detector's features in order
   * @throws BundleRefused with what is wrong with it
   * @throws IOException where the store cannot be read
   */
  public static Bundle load(String store, String version, String[] columns, String featureSet) throws IOException {
    return load(new StoreFiles(store), version, null, new Subscription(store, List.of(columns), featureSet, 0, null));
  }

  /** The same, with the SHA-256 that manifest.json must have, or null. */
  static Bundle load(StoreFiles files, String version, String manifestSha256, Subscription wanted) throws IOException {
    if (!Manifest.isVersion(version)) {
      throw new BundleRefused("'" + version + "'", "that is no name of a version, and could lead outside the store");
    }
    byte[] json = read(files, version, MANIFEST, manifestSha256);
    if (wanted.publicKey() != null) {
      requireSigned(version, json, files.read(version + "/" + SIGNATURE), wanted.publicKey());
    }
    Manifest manifest = Manifest.parse(version, json, wanted.columns(), wanted.featureSet());
    byte[] model = null;
    for (String file : manifest.files().keySet()) {
      byte[] bytes = read(files, version, file, manifest.files().get(file));
      model = file.equals(manifest.modelFile()) ? bytes : model;
    }
    try {
      int width = manifest.features().size();
      Model engine = manifest.isMllib() ? new MllibModel(model, width) : OnnxTrees.orElse(new OnnxModel(model, width), model, width);
      return new Bundle(manifest, StoreFiles.sha256(json), engine, wanted.columns());
    } catch (IllegalArgumentException error) {
      throw new BundleRefused(version, error.getMessage());
    }
  }

  private static void requireSigned(String version, byte[] manifest, byte[] signature, String publicKey) {
    if (signature == null) {
      throw new BundleRefused(version, "it is not signed, and this detector takes none but signed models: its " + SIGNATURE + " is missing");
    }
    boolean signed;
    try {
      Signature verifier = Signature.getInstance(ALGORITHM);
      X509EncodedKeySpec key = new X509EncodedKeySpec(Base64.getDecoder().decode(publicKey));
      verifier.initVerify(KeyFactory.getInstance(ALGORITHM).generatePublic(key));
      verifier.update(manifest);
      signed = verifier.verify(signature);
    } catch (GeneralSecurityException error) {
      signed = false; // so Java also says that it is too short
    }
    if (!signed) {
      throw new BundleRefused(version, "its " + SIGNATURE + " is not the signature of its " + MANIFEST + " by this detector's key");
    }
  }

  private static byte[] read(StoreFiles files, String version, String file, String sha256) throws IOException {
    byte[] bytes = files.read(version + "/" + file);
    if (bytes == null) {
      throw new BundleRefused(version, "its " + file + " is missing");
    }
    if (sha256 != null && !StoreFiles.sha256(bytes).equals(sha256)) {
      throw new BundleRefused(version, "its " + file + " is not the one that was promised: the SHA-256 differs");
    }
    return bytes;
  }

  public String version() {
    return manifest.version();
  }

  String manifestSha256() {
    return manifestSha256;
  }

  /**
   * Returns the fraud score, from 0 to 1; NaN where the model gives none: no number, or, without calibration, one that is outside.
   *
   * @param features all of the detector's, in order; NaN where one is absent
   */
  public double score(double[] features) {
    double raw = model.score(inputsOf(features));
    if (manifest.calibration() != null) {
      return manifest.calibration().apply(raw);
    }
    return raw >= -ROUNDING && raw <= 1 + ROUNDING ? Math.max(0, Math.min(1, raw)) : Double.NaN;
  }

  /** Returns approve, review or decline; null where the score is no number. */
  public String decision(double score) {
    Manifest.Thresholds thresholds = manifest.thresholds();
    if (Double.isNaN(score)) {
      return null;
    }
    if (thresholds != null && thresholds.decline() != null && score >= thresholds.decline()) {
      return "decline";
    }
    return thresholds != null && thresholds.review() != null && score >= thresholds.review() ? "review" : "approve";
  }

  /**
   * Returns the three features that contribute most to a score, the greatest first, those of one size in the model's order. The
   * contribution of a feature is what the model gives less what it gives with the feature at its usual value, all others as they are: a
   * prediction is explained by leaving out one feature at a time (M. Robnik-Šikonja, I. Kononenko: Explaining Classifications For
   * Individual Instances, 2008). It is measured before calibration, which is level in places: there every contribution would be 0.
   *
   * @param features as for {@link #score}
   */
  public List<Contribution> explain(double[] features) {
    double[] own = inputsOf(features);
    List<Integer> unusual = new ArrayList<>();
    List<double[]> rows = new ArrayList<>(List.of(own));
    for (int i = 0; i < own.length; i++) {
      if (Double.compare(own[i], usual[i]) != 0) {
        double[] row = own.clone();
        row[i] = usual[i];
        unusual.add(i);
        rows.add(row);
      }
    }
    double[] raw = model.scores(rows.toArray(double[][]::new));
    List<Contribution> all = new ArrayList<>();
    for (int row = 1; row < raw.length; row++) {
      int i = unusual.get(row - 1);
      double contribution = raw[0] - raw[row];
      if (Math.abs(contribution) > 0 && Double.isFinite(contribution)) {
        all.add(new Contribution(manifest.features().get(i), own[i], usual[i], contribution));
      }
    }
    all.sort(Comparator.comparingDouble((Contribution one) -> Math.abs(one.contribution())).reversed());
    return List.copyOf(all.subList(0, Math.min(EXPLAINED, all.size())));
  }

  private double[] inputsOf(double[] features) {
    double[] row = new double[inputs.length];
    for (int i = 0; i < row.length; i++) {
      row[i] = features[inputs[i]];
    }
    return row;
  }
}
