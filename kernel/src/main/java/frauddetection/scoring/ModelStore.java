package frauddetection.scoring;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The models that a store says are to be used: champion.json names the one that decides, challenger.json one that is scored beside it. A
 * thread looks at both again and again. A new model is taken when all of it is loaded and verified; one that is refused is said once, on
 * the log, the one before stays, and the next look tries again: files of a store may arrive after the pointer that names them. So it does
 * where the store cannot be read, at the start too, or has no champion any more.
 */
public final class ModelStore {
  private static final Logger LOG = LoggerFactory.getLogger(ModelStore.class);
  private static final Map<String, ModelStore> STORES = new ConcurrentHashMap<>();
  private static final int KEPT = 4;
  private static final float LOAD_FACTOR = 0.75f;

  /** What a model is used for, and the file that names it. */
  private enum Role {
    CHAMPION,
    CHALLENGER;

    private String key() {
      return name().toLowerCase(Locale.ROOT);
    }

    private String file() {
      return key() + ".json";
    }
  }

  /** The models of one instant: a row is scored by one pair. Either may be null. */
  record Served(Bundle champion, Bundle challenger) {}

  private final Subscription subscription;
  private final StoreFiles files;
  private final Map<Role, byte[]> pointers = new EnumMap<>(Role.class);
  private final Map<Role, String> refusals = new EnumMap<>(Role.class);
  private final Map<String, Bundle> recent = new LinkedHashMap<>(KEPT, LOAD_FACTOR, true);
  private volatile Served served = new Served(null, null);
  private String trouble;
  private volatile boolean refuses;

  /** Not followed by a thread; tests look when they want. */
  ModelStore(Subscription subscription) throws IOException {
    this.subscription = subscription;
    files = new StoreFiles(subscription.store());
    poll();
  }

  /**
   * Returns the store, of which there is one in a JVM. The first call returns when its models are loaded, so that the first row is scored,
   * or cannot be: then rows have no score until a look finds what it needs.
   *
   * @throws UncheckedIOException the store's place is none
   */
  static ModelStore of(Subscription subscription) {
    ModelStore store = STORES.computeIfAbsent(subscription.store(), place -> follow(subscription));
    if (!store.subscription.equals(subscription)) {
      throw new IllegalArgumentException(
          "the model store " + subscription.store() + " is used in this JVM already, with other features, another interval or another key");
    }
    return store;
  }

  /**
   * Loads what a detector would start with.
   *
   * @param columns the detector's features in order
   * @param publicKey that signs manifests, as of a {@link Subscription}; null for none
   * @return JSON, {@code {"champion": version, "challenger": version}}, null for none
   * @throws BundleRefused where one of them cannot be used
   * @throws UncheckedIOException where the store cannot be read
   */
  public static String check(String store, String[] columns, String featureSet, String publicKey) {
    try {
      StoreFiles files = new StoreFiles(store);
      Subscription wanted = new Subscription(store, List.of(columns), featureSet, 0, publicKey);
      Map<Role, Bundle> found = new EnumMap<>(Role.class);
      for (Role role : Role.values()) {
        byte[] pointer = files.read(role.file());
        if (pointer != null) {
          Pointer to = Pointer.parse(role.file(), pointer);
          found.put(role, Bundle.load(files, to.version(), to.manifestSha256(), wanted));
        }
      }
      return json(new Served(found.get(Role.CHAMPION), found.get(Role.CHALLENGER)));
    } catch (IOException error) {
      throw unreadable(store, error);
    }
  }

  /** Returns, in the form of {@link #check}, which models this JVM serves now: none unless it scores, or has planned to. */
  public static String served(String store) {
    ModelStore followed = STORES.get(store);
    return json(followed == null ? new Served(null, null) : followed.served);
  }

  /**
   * Returns whether this JVM's last look at a store did not take what it names: a version is refused, the champion's pointer has gone, or
   * the store cannot be read. False of a store at which it does not look.
   */
  public static boolean refuses(String store) {
    ModelStore followed = STORES.get(store);
    return followed != null && followed.refuses();
  }

  boolean refuses() {
    return refuses;
  }

  Served served() {
    return served;
  }

  /** Returns a version for explaining what it has scored; loaded anew where it is none of the last few. */
  Bundle bundle(String version) {
    Bundle champion = served.champion();
    if (champion != null && champion.version().equals(version)) {
      return champion;
    }
    try {
      return load(version, null);
    } catch (IOException error) {
      throw unreadable(subscription.store(), error);
    }
  }

  /** Looks at the pointers; whatever happens, an error of the JVM too, the next look is not in danger. */
  void poll() {
    try {
      look();
      trouble = null;
      refuses = !refusals.isEmpty() || served.champion() != null && pointers.get(Role.CHAMPION) == null;
    } catch (IOException | RuntimeException | Error error) {
      refuses = true;
      if (!String.valueOf(error.getMessage()).equals(trouble)) {
        trouble = String.valueOf(error.getMessage());
        LOG.warn("The model store {} cannot be read, {} stays: {}", subscription.store(), json(served), trouble);
      }
    }
  }

  private static ModelStore follow(Subscription subscription) {
    try {
      ModelStore store = new ModelStore(subscription);
      Executors.newSingleThreadScheduledExecutor(work -> {
        Thread thread = new Thread(work, "model-store");
        thread.setDaemon(true);
        return thread;
      }).scheduleWithFixedDelay(store::poll, subscription.pollSeconds(), subscription.pollSeconds(), TimeUnit.SECONDS);
      return store;
    } catch (IOException error) {
      throw unreadable(subscription.store(), error);
    }
  }

  private static UncheckedIOException unreadable(String store, IOException error) {
    return new UncheckedIOException("The model store " + store + " cannot be read: " + Manifest.firstLine(error.getMessage()), error);
  }

  private void look() throws IOException {
    served = new Served(look(Role.CHAMPION, served.champion()), served.challenger());
    served = new Served(served.champion(), look(Role.CHALLENGER, served.challenger()));
  }

  /** Returns the model of a role: the current one, unless its pointer has changed and leads to another that can be used. */
  private Bundle look(Role role, Bundle current) throws IOException {
    byte[] pointer = files.read(role.file());
    if (Arrays.equals(pointer, pointers.get(role))) {
      return current;
    }
    try {
      Bundle next = pointer == null ? withoutPointer(role, current) : at(role, pointer);
      pointers.put(role, pointer);
      refusals.remove(role);
      return next;
    } catch (BundleRefused refused) {
      if (!refused.getMessage().equals(refusals.put(role, refused.getMessage()))) {
        LOG.error("{}; the {} stays {}", refused.getMessage(), role.key(), name(current));
      }
      return current;
    }
  }

  private Bundle withoutPointer(Role role, Bundle current) {
    if (role == Role.CHALLENGER) {
      LOG.info("There is no {} any more", role.key());
      return null;
    }
    LOG.warn("{} has gone from {}; the {} stays {}", role.file(), subscription.store(), role.key(), name(current));
    return current;
  }

  private Bundle at(Role role, byte[] json) throws IOException {
    Pointer pointer = Pointer.parse(role.file(), json);
    Bundle next = load(pointer.version(), pointer.manifestSha256());
    LOG.info("The {} is {}", role.key(), next.version());
    return next;
  }

  private synchronized Bundle load(String version, String manifestSha256) throws IOException {
    Bundle bundle = recent.get(version);
    if (bundle == null || manifestSha256 != null && !manifestSha256.equals(bundle.manifestSha256())) {
      bundle = Bundle.load(files, version, manifestSha256, subscription);
      recent.put(version, bundle);
      if (recent.size() > KEPT) {
        recent.remove(recent.keySet().iterator().next());
      }
    }
    return bundle;
  }

  private static String version(Bundle bundle) {
    return bundle == null ? null : bundle.version();
  }

  private static String name(Bundle bundle) {
    return bundle == null ? "none" : bundle.version();
  }

  private static String json(Served served) {
    ObjectNode json = Manifest.JSON.createObjectNode();
    json.put(Role.CHAMPION.key(), version(served.champion()));
    json.put(Role.CHALLENGER.key(), version(served.challenger()));
    return json.toString();
  }
}
