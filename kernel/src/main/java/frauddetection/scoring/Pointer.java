package frauddetection.scoring;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.io.IOException;

/** What champion.json and challenger.json say: which version, and the SHA-256 of its manifest.json. */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
@JsonIgnoreProperties(ignoreUnknown = true)
record Pointer(String version, String manifestSha256) {

  /**
   * Reads a pointer.
   *
   * @param file its name, for people
   * @throws BundleRefused where it points nowhere
   */
  static Pointer parse(String file, byte[] json) {
    Pointer pointer;
    try {
      pointer = Manifest.JSON.readValue(json, Pointer.class);
    } catch (IOException error) {
      throw new BundleRefused("of " + file, "the pointer cannot be read: " + Manifest.firstLine(error.getMessage()));
    }
    if (pointer == null || pointer.version == null || pointer.manifestSha256 == null) {
      throw new BundleRefused("of " + file, "the pointer needs a version and a manifest_sha256");
    }
    return pointer;
  }
}
