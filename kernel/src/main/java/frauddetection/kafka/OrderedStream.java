package frauddetection.kafka;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.common.TopicPartition;
import org.apache.spark.sql.connector.read.InputPartition;
import org.apache.spark.sql.connector.read.PartitionReaderFactory;
import org.apache.spark.sql.connector.read.streaming.MicroBatchStream;
import org.apache.spark.sql.connector.read.streaming.Offset;
import org.apache.spark.sql.connector.read.streaming.PartitionOffset;
import org.apache.spark.sql.connector.read.streaming.ReadLimit;
import org.apache.spark.sql.connector.read.streaming.ReadMaxRows;
import org.apache.spark.sql.connector.read.streaming.ReportsSourceMetrics;
import org.apache.spark.sql.connector.read.streaming.SupportsRealTimeMode;
import org.apache.spark.sql.connector.read.streaming.SupportsTriggerAvailableNow;
import org.apache.spark.sql.kafka010.KafkaMicroBatchStream;
import org.apache.spark.sql.util.CaseInsensitiveStringMap;

/**
 * Spark's stream of Kafka records, whose batches end at one instant: a batch that may hold {@code maxOffsetsPerTrigger} records of the more
 * that wait has, of every partition, those whose timestamp is before an instant, so that what came earlier is never in a later batch.
 *
 * <p>Exact where the timestamps of a partition grow, as those do that a broker sets, or a producer that sends as things happen. A record
 * that is stamped ahead of this machine's clock comes with the one behind it. Where so many records bear one timestamp that no instant
 * divides them, Spark's own share of each partition is taken.
 *
 * <p>With the option {@code until}, the places of all partitions, it has nothing behind them.
 */
final class OrderedStream implements MicroBatchStream, SupportsTriggerAvailableNow, SupportsRealTimeMode, ReportsSourceMetrics {
  private static final String KAFKA = "kafka.";

  private final KafkaMicroBatchStream kafka;
  private final Partitions partitions;
  private final Map<String, Object> connection = new HashMap<>();
  private final Unread unread = new Unread(connection);
  private boolean isRealTime;
  /** Of all partitions, when the batch began. */
  private Offset ends;
  /** Where the stream ends for good, as the source writes places; null: nowhere. */
  private final String until;
  private Admin admin;
  private long before;
  /** Of the partitions in which Kafka's index shows nothing, for the batch that is being ended. */
  private final Map<TopicPartition, Timestamps> hidden = new HashMap<>();

  OrderedStream(KafkaMicroBatchStream kafka, CaseInsensitiveStringMap options, Partitions partitions) {
    this.kafka = kafka;
    this.partitions = partitions;
    until = options.get("until");
    options.asCaseSensitiveMap().forEach((name, value) -> {
      if (name.startsWith(KAFKA)) {
        connection.put(name.substring(KAFKA.length()), value);
      }
    });
  }

  @Override
  public Offset latestOffset(Offset start, ReadLimit limit) {
    Offset all = within(kafka.latestOffset(start, ReadLimit.allAvailable()));
    ends = all;
    if (all == null || !(limit instanceof ReadMaxRows rows)) {
      return all;
    }
    Map<TopicPartition, Long> from = Places.of(start);
    Map<TopicPartition, Long> to = Places.of(all);
    if (Places.count(from, to) <= rows.maxRows()) {
      return all;
    }
    Map<TopicPartition, Long> end = endAtOneInstant(from, to, rows.maxRows());
    return end == null ? within(kafka.latestOffset(start, limit)) : kafka.deserializeOffset(Places.json(end));
  }

  /** Returns the places, but none behind {@link #until}. */
  private Offset within(Offset found) {
    if (found == null || until == null) {
      return found;
    }
    Map<TopicPartition, Long> last = Places.of(kafka.deserializeOffset(until));
    Map<TopicPartition, Long> places = Places.of(found);
    places.replaceAll((partition, place) -> Math.min(place, last.get(partition)));
    return kafka.deserializeOffset(Places.json(places));
  }

  /** Returns the places at the latest instant before which no more than {@code most} records lie, or nearly; null where none do. */
  private Map<TopicPartition, Long> endAtOneInstant(Map<TopicPartition, Long> from, Map<TopicPartition, Long> to, long most) {
    Map<TopicPartition, Long> best = null;
    hidden.clear();
    long low = before; // a batch never ends earlier than the one before it
    long high = System.currentTimeMillis() + 1;
    long now = high;
    while (low < high) {
      long middle = low + (high - low + 1) / 2;
      Map<TopicPartition, Long> found = placesAt(middle, from, to, now, most);
      long count = Places.count(from, found);
      if (count > most) {
        high = middle - 1;
        continue;
      }
      low = middle;
      best = count > 0 ? found : best;
      if (count > most - most / 8) {
        break; // full enough: each step asks the brokers
      }
    }
    before = best == null ? before : low;
    return best;
  }

  /** Returns, between the two places of each partition, that of its first record that is not older than an instant. */
  private Map<TopicPartition, Long> placesAt(
      long instant, Map<TopicPartition, Long> from, Map<TopicPartition, Long> to, long now, long most) {
    Map<TopicPartition, OffsetSpec> asked = new HashMap<>();
    to.keySet().forEach(partition -> asked.put(partition, OffsetSpec.forTimestamp(instant)));
    try {
      if (admin == null) {
        admin = Admin.create(connection);
      }
      Map<TopicPartition, Long> places = new HashMap<>();
      for (Map.Entry<TopicPartition, ListOffsetsResultInfo> one : admin.listOffsets(asked).all().get().entrySet()) {
        TopicPartition partition = one.getKey();
        long last = to.get(partition);
        long first = Math.min(last, from.getOrDefault(partition, 0L));
        long found = one.getValue().offset() < 0 ? last : Math.min(last, one.getValue().offset());
        if (one.getValue().timestamp() > now && found < last) {
          found =
              hidden
                  .computeIfAbsent(partition, any -> Timestamps.read(connection, partition, first, last, most))
                  .placeOf(instant, now);
        }
        places.put(partition, Math.max(found, first));
      }
      return places;
    } catch (ExecutionException error) {
      throw new IllegalStateException("Kafka does not say where an instant is: " + error.getCause().getMessage(), error.getCause());
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(stopped);
    }
  }

  @Override
  public InputPartition[] planInputPartitions(Offset start, Offset end) {
    return partitions.ofBatch(kafka.planInputPartitions(start, end));
  }

  @Override
  public InputPartition[] planInputPartitions(Offset start) {
    return partitions.withoutEnd(kafka.planInputPartitions(start));
  }

  /** Returns Spark's own, and {@code recordsBehind}, how many records of all partitions wait; nothing of it for a batch that is repeated. */
  @Override
  public Map<String, String> metrics(Optional<Offset> latestConsumedOffset) {
    Map<String, String> metrics = new HashMap<>(kafka.metrics(latestConsumedOffset));
    if (latestConsumedOffset.isPresent() && ends != null) {
      Map<TopicPartition, Long> now = isRealTime ? Places.of(kafka.latestOffset(ends, ReadLimit.allAvailable())) : Places.of(ends);
      metrics.put("recordsBehind", Long.toString(unread.count(Places.of(latestConsumedOffset.get()), now)));
    }
    return metrics;
  }

  @Override
  public void stop() {
    if (admin != null) {
      admin.close();
    }
    kafka.stop();
  }

  // The rest is Spark's own.

  @Override
  public ReadLimit getDefaultReadLimit() {
    return kafka.getDefaultReadLimit();
  }

  @Override
  public Offset reportLatestOffset() {
    return kafka.reportLatestOffset();
  }

  @Override
  public void prepareForRealTimeMode() {
    isRealTime = true;
    kafka.prepareForRealTimeMode();
  }

  @Override
  public Offset mergeOffsets(PartitionOffset[] places) {
    return kafka.mergeOffsets(places);
  }

  @Override
  public void prepareForTriggerAvailableNow() {
    kafka.prepareForTriggerAvailableNow();
  }


  @Override
  public Offset initialOffset() {
    return kafka.initialOffset();
  }

  @Override
  public Offset latestOffset() {
    return kafka.latestOffset();
  }

  @Override
  public Offset deserializeOffset(String json) {
    return kafka.deserializeOffset(json);
  }


  @Override
  public PartitionReaderFactory createReaderFactory() {
    return kafka.createReaderFactory();
  }

  @Override
  public void commit(Offset end) {
    kafka.commit(end);
  }

  @Override
  public String toString() {
    return kafka.toString();
  }
}
