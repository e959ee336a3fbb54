package frauddetection.scoring;

/** A model that is not what it should be, and is not used. The message is one sentence: which, and why. */
public final class BundleRefused extends RuntimeException {
  private static final long serialVersionUID = 1L;

  BundleRefused(String model, String why) {
    super("Model " + model + " is refused: " + why);
  }
}
