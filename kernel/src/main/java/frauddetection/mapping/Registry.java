package frauddetection.mapping;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.Serializable;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.Duration;
import java.util.Base64;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import org.apache.avro.AvroRuntimeException;
import org.apache.avro.Schema;
import org.apache.kafka.common.config.types.Password;
import org.apache.kafka.common.security.ssl.DefaultSslEngineFactory;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The schemas of a Confluent-compatible registry, by id, each fetched once in a JVM. An id that has been seen needs the registry no more.
 * Another is waited for, for a bounded time; then, and for as long again, records that need it are unreadable without a wait.
 */
public final class Registry {
  private static final Logger LOG = LoggerFactory.getLogger(Registry.class);
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Map<Address, Registry> KNOWN = new ConcurrentHashMap<>();
  private static final Duration CONNECT = Duration.ofSeconds(2);
  private static final Duration ANSWER = Duration.ofSeconds(5);
  private static final long PAUSE_MILLIS = 250;

  /** Of ids that the registry does not know: whoever invents ids gets no memory for them. */
  private static final int KEPT_UNKNOWN = 1_000;

  /** Of schemas that others refer to, one behind the other. */
  private static final int MAX_REFERENCES = 100;

  private static final int NOT_FOUND = 404;
  private static final int OK = 200;

  /**
   * Where the registry is, and how it is reached.
   *
   * @param url of its Confluent-compatible interface
   * @param username of basic authentication, or null
   * @param passwordFile file with its password, or null
   * @param caFile PEM file of the authorities that sign the registry's certificate, or null: those of Java
   * @param certificateFile PEM file of our own certificate chain, or null
   * @param keyFile PEM file of its key, or null
   * @param waitMillis how long a schema is waited for
   */
  record Address(
      String url, String username, String passwordFile, String caFile, String certificateFile, String keyFile, long waitMillis)
      implements Serializable {}

  private final Address address;
  private final Map<Integer, Schema> schemas = new ConcurrentHashMap<>();
  private final Map<Integer, Long> unknown =
      Collections.synchronizedMap(
          new LinkedHashMap<>() {
            private static final long serialVersionUID = 1L;

            @Override
            protected boolean removeEldestEntry(Map.Entry<Integer, Long> eldest) {
              return size() > KEPT_UNKNOWN;
            }
          });
  private volatile long awayUntil = System.nanoTime();
  private HttpClient client;
  private Pem pem;

  private Registry(Address address) {
    this.address = address;
  }

  static Registry at(Address address) {
    return KNOWN.computeIfAbsent(address, Registry::new);
  }

  /** Returns null where the registry answers, else in words why it cannot be used. */
  public static String refusal(String url, String username, String passwordFile, String caFile, String certificateFile, String keyFile) {
    try {
      new Registry(new Address(url, username, passwordFile, caFile, certificateFile, keyFile, 0)).get("/schemas/types");
      return null;
    } catch (IOException | RuntimeException error) {
      return words(error);
    } catch (InterruptedException error) {
      Thread.currentThread().interrupt();
      return "interrupted";
    }
  }

  /**
   * Returns the schema of this id.
   *
   * @throws Unreadable the registry does not have it or cannot be reached, or it is not Avro
   */
  Schema schema(int id) throws Unreadable {
    Schema known = schemas.get(id);
    return known != null ? known : fetched(id);
  }

  /** One thread asks, the others that need the same wait for its answer. */
  private synchronized Schema fetched(int id) throws Unreadable {
    Schema known = schemas.get(id);
    if (known != null) {
      return known;
    }
    Long again = unknown.get(id);
    if (again != null && again - System.nanoTime() > 0) {
      throw new Unreadable("unknown_schema");
    }
    if (awayUntil - System.nanoTime() > 0) {
      throw new Unreadable("schema_registry_away");
    }
    try {
      Schema found = waitedFor(id);
      schemas.put(id, found);
      return found;
    } catch (NoSuchSchema | AvroRuntimeException none) {
      LOG.warn("Schema {} cannot be used: {}", id, words(none));
      unknown.put(id, System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(address.waitMillis()));
      throw new Unreadable("unknown_schema");
    } catch (IOException away) {
      LOG.warn("Schema {} cannot be fetched from {}: {}", id, address.url(), words(away));
      awayUntil = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(address.waitMillis());
      throw new Unreadable("schema_registry_away");
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("stopped while it waited for a schema", stopped); // the task ends: nothing is decided
    }
  }

  private Schema waitedFor(int id) throws IOException, InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(address.waitMillis());
    while (true) {
      try {
        return avro(get("/schemas/ids/" + id), new Schema.Parser().setValidateDefaults(false), new HashMap<>());
      } catch (NoSuchSchema none) {
        throw none;
      } catch (IOException away) {
        if (System.nanoTime() - deadline > 0) {
          throw away;
        }
        TimeUnit.MILLISECONDS.sleep(PAUSE_MILLIS);
      }
    }
  }

  /** Returns the schema of an answer, after those that it refers to. */
  private Schema avro(JsonNode answer, Schema.Parser parser, Map<String, Schema> referred) throws IOException, InterruptedException {
    if (!answer.path("schemaType").asText("AVRO").equals("AVRO") || !answer.path("schema").isTextual()) {
      throw new NoSuchSchema("it is no Avro schema");
    }
    for (JsonNode reference : answer.path("references")) {
      String place = "/subjects/" + encoded(reference.path("subject").asText()) + "/versions/" + reference.path("version").asInt();
      if (!referred.containsKey(place)) {
        if (referred.size() >= MAX_REFERENCES) {
          throw new NoSuchSchema("it refers to too many others");
        }
        referred.put(place, null);
        referred.put(place, avro(get(place), parser, referred));
      }
    }
    return parser.parse(answer.path("schema").asText());
  }

  private static String encoded(String subject) {
    return URLEncoder.encode(subject, StandardCharsets.UTF_8).replace("+", "%20");
  }

  /** Secrets are read anew for each question: files may have been replaced. Whoever invents ids has many asked, on one connection. */
  private JsonNode get(String place) throws IOException, InterruptedException {
    Pem now = new Pem(text(address.caFile()), text(address.certificateFile()), text(address.keyFile()));
    if (client == null || !now.equals(pem)) {
      client = client(now);
      pem = now;
    }
    HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(address.url() + place)).timeout(ANSWER);
    if (address.username() != null) {
      String identity = address.username() + ":" + text(address.passwordFile()).strip();
      request.header("Authorization", "Basic " + Base64.getEncoder().encodeToString(identity.getBytes(StandardCharsets.UTF_8)));
    }
    HttpResponse<byte[]> answer = client.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
    if (answer.statusCode() == NOT_FOUND) {
      throw new NoSuchSchema("the registry does not have it");
    }
    if (answer.statusCode() != OK) {
      throw new IOException("the registry answers " + answer.statusCode());
    }
    return JSON.readTree(answer.body());
  }

  private static HttpClient client(Pem pem) throws IOException {
    // No redirect is followed: Java would send the password on to whatever host it names.
    HttpClient.Builder client = HttpClient.newBuilder().connectTimeout(CONNECT).followRedirects(HttpClient.Redirect.NEVER);
    if (pem.authorities != null || pem.certificates != null) {
      client.sslContext(pem.context());
    }
    return client.build();
  }

  /** What the connection is made with, texts or null. */
  private record Pem(String authorities, String certificates, String key) {

    /** Returns it by Kafka's own reader of PEM files, which Java has none of. */
    SSLContext context() throws IOException {
      Map<String, Object> settings = new HashMap<>(Map.of("ssl.protocol", "TLS", "ssl.client.auth", "none"));
      if (authorities != null) {
        settings.put("ssl.truststore.type", DefaultSslEngineFactory.PEM_TYPE);
        settings.put("ssl.truststore.certificates", new Password(authorities));
      }
      if (certificates != null) {
        settings.put("ssl.keystore.type", DefaultSslEngineFactory.PEM_TYPE);
        settings.put("ssl.keystore.certificate.chain", new Password(certificates));
        settings.put("ssl.keystore.key", new Password(key));
      }
      try (DefaultSslEngineFactory factory = new DefaultSslEngineFactory()) {
        factory.configure(settings);
        return factory.sslContext();
      } catch (RuntimeException error) {
        throw new IOException("its certificates or its key cannot be used", error);
      }
    }
  }

  private static String text(String file) throws IOException {
    return file == null ? null : Files.readString(java.nio.file.Path.of(file));
  }

  private static String words(Exception error) {
    String said = error.getMessage();
    return said == null ? error.getClass().getSimpleName() : said.lines().findFirst().orElse("");
  }

  /** The registry's own answer: to wait does not help. */
  private static final class NoSuchSchema extends IOException {
    private static final long serialVersionUID = 1L;

    NoSuchSchema(String why) {
      super(why);
    }
  }
}
