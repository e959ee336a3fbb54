package frauddetection.spark;

import frauddetection.history.KeyHistory;
import frauddetection.history.Pages;
import frauddetection.history.Plan;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.api.java.function.FlatMapGroupsFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/**
 * The state that a {@link History} would have after a batch of events, had they come one by one: each in the order of Kafka's timestamps,
 * those of one millisecond by their places, labels last, as each is about a payment that was there.
 */
public final class Rebuild implements FlatMapGroupsFunction<String, Event, Row> {
  private static final long serialVersionUID = 1L;
  // So that a key of any size takes no more memory than its events and its pages.
  private static final int FLUSH_EVERY = 8_192;
  private static final StructType PAGES =
      new StructType().add("key", DataTypes.StringType).add("page", DataTypes.IntegerType).add("bytes", DataTypes.BinaryType);

  private static final int TIME = 0;
  private static final int TOPIC = 1;
  private static final int PARTITION = 2;
  private static final int OFFSET = 3;
  private static final int ELEMENT = 4;
  private static final Comparator<Event> AS_THEY_CAME =
      Comparator.<Event>comparingLong(one -> one.event().getLong(TIME))
          .thenComparing(one -> Input.operation(one.input()) == Input.LABEL)
          .thenComparing(one -> one.event().getUTF8String(TOPIC))
          .thenComparingInt(one -> one.event().getInt(PARTITION))
          .thenComparingLong(one -> one.event().getLong(OFFSET))
          .thenComparingInt(one -> one.event().getInt(ELEMENT));

  private final String json;
  private transient Plan plan;
  private transient Input input;
  private transient double[] results;

  private Rebuild(String json) {
    this.json = json;
  }

  /**
   * Returns the pages of all keys, columns {@code key}, {@code page} (its number) and {@code bytes}.
   *
   * @param events columns {@code key} (string), {@code input} (see {@link Input}) and {@code event}, where it came from, without nulls:
   *     Kafka's time in microseconds, topic, partition, offset, and the place in an array
   * @param plan JSON, made by spark_jobs/aggregations.py
   */
  public static Dataset<Row> apply(Dataset<Row> events, String plan) {
    return events
        .groupBy("key")
        .as(Encoders.STRING(), RecordEncoder.ofEvents(events.schema()))
        .flatMapGroups(new Rebuild(plan), Encoders.row(PAGES));
  }

  @Override
  public Iterator<Row> call(String key, Iterator<Event> rows) {
    if (plan == null) {
      plan = Plan.parse(json);
      input = new Input(plan);
      results = new double[plan.aggregations().size()];
    }
    List<Event> events = new ArrayList<>();
    rows.forEachRemaining(events::add);
    events.sort(AS_THEY_CAME);
    Map<Integer, byte[]> pages = new TreeMap<>();
    KeyHistory history = new KeyHistory(plan, Pages.of(pages));
    for (int i = 0; i < events.size(); i++) {
      input.tell(events.get(i).input(), history, results);
      if (i % FLUSH_EVERY == FLUSH_EVERY - 1) {
        history.flush();
      }
    }
    history.flush();
    List<Row> found = new ArrayList<>();
    pages.forEach((page, bytes) -> found.add(RowFactory.create(key, page, bytes)));
    return found.iterator();
  }
}
