package frauddetection.spark;

import frauddetection.history.KeyHistory;
import frauddetection.history.Pages;
import frauddetection.history.Plan;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeRow;
import org.apache.spark.sql.streaming.OutputMode;
import org.apache.spark.sql.streaming.StatefulProcessor;
import org.apache.spark.sql.streaming.TTLConfig;
import org.apache.spark.sql.streaming.TimeMode;
import org.apache.spark.sql.streaming.TimerValues;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import scala.collection.Iterator;
import scala.jdk.javaapi.CollectionConverters;

/**
 * One stateful step: the history of a key, kept in Spark's state store, and for each transaction what the plan computes of it. The same in
 * real-time mode (an event a call), in micro-batches (a key's events of the batch a call) and in batch (all events of a key a call, after
 * which nobody asks for its state: nothing is written).
 */
public final class History extends StatefulProcessor<String, Event, Featured> {
  private static final long serialVersionUID = 1L;
  /**
   * Bytes of memory for the histories that a task keeps between two commits: 2,400 cards with 60 events, 5,700 with ten. What is in it has
   * to be written at the commit, for which the stream waits: a tenth of a second.
   */
  private static final long MEMORY = 32L << 20;

  private final String json;
  private final boolean isStreaming;
  private transient Plan plan;
  private transient Input input;
  private transient Histories histories;
  private transient InTurn inTurn;
  private transient double[] results;

  private History(String json, boolean isStreaming) {
    this.json = json;
    this.isStreaming = isStreaming;
  }

  /**
   * Returns a dataset with the columns {@code event}, as it came, and {@code history}, a struct of the plan's results, null where there is
   * no transaction.
   *
   * @param events columns {@code key} (string), {@code input} (see {@link Input}), {@code event} (any struct), and in real-time mode, where
   *     they have been parted by another key before, {@code turn} (see {@link Turns})
   * @param plan JSON, made by spark_jobs/aggregations.py
   */
  public static Dataset<Row> apply(Dataset<Row> events, String plan) {
    // The rule cuts unread fields from the structs that it believes to be made field by field. These come whole out of a record, so that
    // it would only shift the places at which the others are read.
    events.sparkSession().conf().set("spark.sql.optimizer.serializer.nestedSchemaPruning.enabled", "false");
    StructType history = new StructType();
    for (Plan.Aggregation one : Plan.parse(plan).aggregations()) {
      history = history.add(one.name(), DataTypes.DoubleType);
    }
    StructType featured =
        new StructType().add("event", events.schema().apply("event").dataType(), false).add("history", history, true);
    return events
        .groupBy("key")
        .as(Encoders.STRING(), RecordEncoder.ofEvents(events.schema()))
        .transformWithState(
            new History(plan, events.isStreaming()), TimeMode.None(), OutputMode.Update(), RecordEncoder.ofFeatured(featured))
        .toDF();
  }

  @Override
  public void init(OutputMode outputMode, TimeMode timeMode) {
    plan = Plan.parse(json);
    input = new Input(plan);
    results = new double[plan.aggregations().size()];
    if (isStreaming) {
      histories = new Histories(plan, new StatePages(getHandle(), plan.hash()), MEMORY);
      inTurn = new InTurn();
      BeforeCommit.call(getHandle(), this::beforeCommit);
    }
  }

  private void beforeCommit() {
    if (inTurn.waiting() > 0) {
      throw new IllegalStateException(inTurn.waiting() + " events have waited in vain for one that was before them. Spark divides keys "
          + "among its tasks otherwise than the kernel takes it to. Use the version that this project is tested with.");
    }
    histories.flush();
  }

  /**
   * Called by Spark behind the commit of a task, but not if the task has failed.
   *
   * @throws IllegalStateException if the histories were not written: the task fails then, and what it has committed is not used
   */
  @Override
  public void close() {
    if (isStreaming && !histories.isEmpty()) {
      throw new IllegalStateException("This Spark commits state without a word to those who write it late, so that history would be lost. "
          + "Use the version that this project is tested with (docs/adr/0013).");
    }
  }

  @Override
  public Iterator<Featured> handleInputRows(String key, Iterator<Event> rows, TimerValues timers) {
    List<Event> events = new ArrayList<>();
    while (rows.hasNext()) {
      events.add(rows.next());
    }
    List<Featured> featured = new ArrayList<>(events.size());
    if (events.get(0).turn() == null) {
      sort(events);
      handle(key, events, featured);
    } else {
      for (Event event : events) {
        for (InTurn.Keyed next : inTurn.came(key, event)) {
          KeyAtWork.change(next.key(), () -> handle(next.key(), List.of(next.event()), featured));
        }
      }
    }
    return CollectionConverters.asScala(featured.iterator());
  }

  private static void sort(List<Event> events) {
    if (events.size() > 1) {
      boolean forgets = events.stream().anyMatch(event -> Input.operation(event.input()) == Input.FORGET_PROFILE);
      Comparator<InternalRow> order = forgets ? Input::compareAsTheyCame : Input::compare;
      events.sort((one, other) -> order.compare(one.input(), other.input()));
    }
  }

  private void handle(String key, List<Event> events, List<Featured> featured) {
    KeyHistory history = null;
    for (Event event : events) {
      InternalRow found = null;
      // What passes has a key of its own, which has no history.
      if (Input.operation(event.input()) != Input.NONE) {
        history = history == null ? of(key) : history;
        found = input.tell(event.input(), history, results) ? resultRow() : null;
      }
      featured.add(new Featured(event.event(), found));
    }
    if (isStreaming && history != null) {
      histories.used(key);
    }
  }

  private KeyHistory of(String key) {
    return isStreaming ? histories.of(key) : new KeyHistory(plan, Pages.NONE);
  }

  private InternalRow resultRow() {
    int width = UnsafeRow.calculateBitSetWidthInBytes(results.length) + Long.BYTES * results.length;
    UnsafeRow row = new UnsafeRow(results.length);
    row.pointTo(new byte[width], width);
    for (int i = 0; i < results.length; i++) {
      if (Double.isNaN(results[i])) {
        row.setNullAt(i);
      } else {
        row.setDouble(i, results[i]);
      }
    }
    return row;
  }
}
