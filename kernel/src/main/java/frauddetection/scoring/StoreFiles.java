package frauddetection.scoring;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.SparkEnv;
import org.apache.spark.deploy.SparkHadoopUtil;

/** The files of a model store: a directory, or an s3a:// prefix. Names are checked by who makes them. */
final class StoreFiles {
  private final Path root;
  private final FileSystem system;

  StoreFiles(String store) throws IOException {
    root = new Path(store);
    system = root.getFileSystem(configuration());
  }

  /** Returns the file's bytes, or null where it is not there. */
  byte[] read(String name) throws IOException {
    Path path = new Path(root, name);
    try (InputStream stream = system.open(path)) {
      return stream.readAllBytes();
    } catch (FileNotFoundException missing) {
      // So Java also calls a file that is there and must not be read.
      if (system instanceof LocalFileSystem && system.exists(path)) {
        throw missing;
      }
      return null;
    }
  }

  static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  /** An executor has the settings spark.hadoop.* only in its SparkEnv; without Spark, in a test, there are none. */
  private static Configuration configuration() {
    SparkEnv spark = SparkEnv.get();
    return spark == null ? new Configuration() : SparkHadoopUtil.get().newConfiguration(spark.conf());
  }
}
