package frauddetection.kafka;

import java.util.Map;
import java.util.Set;
import org.apache.spark.sql.connector.catalog.SupportsRead;
import org.apache.spark.sql.connector.catalog.Table;
import org.apache.spark.sql.connector.catalog.TableCapability;
import org.apache.spark.sql.connector.catalog.TableProvider;
import org.apache.spark.sql.connector.expressions.Transform;
import org.apache.spark.sql.connector.read.Scan;
import org.apache.spark.sql.connector.read.ScanBuilder;
import org.apache.spark.sql.connector.read.streaming.MicroBatchStream;
import org.apache.spark.sql.kafka010.KafkaMicroBatchStream;
import org.apache.spark.sql.kafka010.KafkaSourceProvider;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.util.CaseInsensitiveStringMap;

/**
 * Spark's Kafka source for micro-batches, with the same options, columns and checkpoints, but for one thing: where a batch cannot hold all
 * that waits, it ends at one instant of Kafka's timestamps in all partitions of all topics ({@link OrderedStream}). Spark's own takes the
 * same share of each partition, and so gives a payment to the history before the label that came hours earlier.
 */
public final class OrderedKafka implements TableProvider {
  private final KafkaSourceProvider kafka = new KafkaSourceProvider();

  @Override
  public StructType inferSchema(CaseInsensitiveStringMap options) {
    return kafka.inferSchema(options);
  }

  @Override
  public Table getTable(StructType schema, Transform[] partitioning, Map<String, String> properties) {
    return new OrderedTable(kafka.getTable(new CaseInsensitiveStringMap(properties)));
  }

  @SuppressWarnings("deprecation") // Spark asks for it still
  private record OrderedTable(SupportsRead kafka) implements SupportsRead {
    @Override
    public String name() {
      return kafka.name();
    }

    @Override
    public StructType schema() {
      return kafka.schema();
    }

    @Override
    public Set<TableCapability> capabilities() {
      return Set.of(TableCapability.MICRO_BATCH_READ);
    }

    @Override
    public ScanBuilder newScanBuilder(CaseInsensitiveStringMap options) {
      return () -> new OrderedScan(kafka.newScanBuilder(options).build(), options);
    }
  }

  private record OrderedScan(Scan kafka, CaseInsensitiveStringMap options) implements Scan {
    @Override
    public StructType readSchema() {
      return kafka.readSchema();
    }

    @Override
    public MicroBatchStream toMicroBatchStream(String checkpoint) {
      return new OrderedStream((KafkaMicroBatchStream) kafka.toMicroBatchStream(checkpoint), options);
    }
  }
}
