package frauddetection.kafka;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.common.config.types.Password;
import org.apache.kafka.common.security.JaasContext;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What Kafka's own reader of a JAAS configuration makes of a password is the password. */
class PasswordFilesTest {
  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"plain", "a \"quoted\" one", "back\\slash\\\\", "\\\"", "é€😀", "tab\tand\nline", "ends in space ", "${dir:x:y}", ";=,"})
  void everyPasswordIsReadAsItIs(String password) throws IOException {
    Files.writeString(folder.resolve("password"), password + "\r\n");
    String found = new PasswordFiles().get(folder.toString(), Set.of("password")).data().get("password");
    String jaas = "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"me\" password=\"" + found + "\";";
    JaasContext context = JaasContext.loadClientContext(Map.of("sasl.jaas.config", new Password(jaas)));
    assertEquals(password, context.configurationEntries().get(0).getOptions().get("password"));
  }
}
