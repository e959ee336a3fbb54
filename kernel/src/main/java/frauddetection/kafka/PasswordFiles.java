package frauddetection.kafka;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.common.config.ConfigData;
import org.apache.kafka.common.config.provider.ConfigProvider;

/**
 * Passwords in files, for the quoted text of a JAAS configuration: {@code password="${password:folder:file}"}. Kafka's own provider puts
 * the file's bytes there as they are, so that a line's end, a quote or a backslash breaks the configuration, and its error may show the
 * password. The line's end of the file is none of the password's, as librdkafka is told too (configuration/kafka.py).
 */
public final class PasswordFiles implements ConfigProvider {
  private static final char FIRST_PRINTABLE = ' ';

  @Override
  public void configure(Map<String, ?> settings) {
    // There are none.
  }

  @Override
  public ConfigData get(String folder) {
    return new ConfigData(Map.of()); // a folder is never asked for as a whole
  }

  @Override
  public ConfigData get(String folder, Set<String> files) {
    Map<String, String> found = new HashMap<>();
    for (String file : files) {
      try {
        found.put(file, quoted(Files.readString(Path.of(folder, file)).replaceAll("[\\r\\n]+\\z", "")));
      } catch (IOException error) {
        throw new UncheckedIOException("the password file " + file + " cannot be read", error);
      }
    }
    return new ConfigData(found);
  }

  /** Returns the text as java.io.StreamTokenizer reads it between quotes. */
  static String quoted(String text) {
    StringBuilder quoted = new StringBuilder();
    for (char one : text.toCharArray()) {
      if (one == '"' || one == '\\') {
        quoted.append('\\').append(one);
      } else if (one < FIRST_PRINTABLE) {
        quoted.append(String.format("\\%03o", (int) one));
      } else {
        quoted.append(one);
      }
    }
    return quoted.toString();
  }

  @Override
  public void close() {
    // Nothing is open.
  }
}
