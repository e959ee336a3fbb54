package frauddetection.kafka;

import java.util.Map;
import java.util.Set;
import org.apache.spark.sql.connector.catalog.SupportsRead;
import org.apache.spark.sql.connector.catalog.Table;
import org.apache.spark.sql.connector.catalog.TableCapability;
import org.apache.spark.sql.connector.catalog.TableProvider;
import org.apache.spark.sql.connector.expressions.Transform;
import org.apache.spark.sql.connector.read.Batch;
import org.apache.spark.sql.connector.read.InputPartition;
import org.apache.spark.sql.connector.read.PartitionReaderFactory;
import org.apache.spark.sql.connector.read.Scan;
import org.apache.spark.sql.connector.read.ScanBuilder;
import org.apache.spark.sql.connector.read.streaming.MicroBatchStream;
import org.apache.spark.sql.kafka010.KafkaMicroBatchStream;
import org.apache.spark.sql.kafka010.KafkaSourceProvider;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.util.CaseInsensitiveStringMap;

/**
 * Spark's Kafka source, with the same options, columns and checkpoints, but for three things. Where a micro-batch cannot hold all that
 * waits, it ends at one instant of Kafka's timestamps in all partitions of all topics ({@link OrderedStream}): Spark's own takes the same
 * share of each partition, and so gives a payment to the history before the label that came hours earlier. A record whose timestamp no
 * calendar has is read too ({@link PlausibleTimes}). And the ranges of the option {@code skipped} are not read ({@link Partitions}).
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
      return Set.of(TableCapability.MICRO_BATCH_READ, TableCapability.BATCH_READ);
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
      KafkaMicroBatchStream stream = (KafkaMicroBatchStream) kafka.toMicroBatchStream(checkpoint);
      return new OrderedStream(stream, options, new Partitions(options.get("skipped")));
    }

    @Override
    public Batch toBatch() {
      return new ReadableBatch(kafka.toBatch(), new Partitions(null));
    }
  }

  private record ReadableBatch(Batch kafka, Partitions partitions) implements Batch {
    @Override
    public InputPartition[] planInputPartitions() {
      return partitions.ofBatch(kafka.planInputPartitions());
    }

    @Override
    public PartitionReaderFactory createReaderFactory() {
      return kafka.createReaderFactory();
    }
  }
}
