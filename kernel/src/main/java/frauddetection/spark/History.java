package frauddetection.spark;

import frauddetection.history.KeyHistory;
import frauddetection.history.Plan;
import java.util.ArrayList;
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
 * real-time mode (an event a call), in micro-batches (a key's events of the batch a call) and in batch (all events of a key a call).
 */
public final class History extends StatefulProcessor<String, Event, Featured> {
  private static final long serialVersionUID = 1L;

  private final String json;
  private transient Plan plan;
  private transient Input input;
  private transient StatePages pages;
  private transient double[] results;

  private History(String json) {
    this.json = json;
  }

  /**
   * Returns a dataset with the columns {@code event}, as it came, and {@code history}, a struct of the plan's results, null where there is
   * no transaction.
   *
   * @param events columns {@code key} (string), {@code input} (see {@link Input}) and {@code event} (any struct)
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
        .transformWithState(new History(plan), TimeMode.None(), OutputMode.Update(), RecordEncoder.ofFeatured(featured))
        .toDF();
  }

  @Override
  public void init(OutputMode outputMode, TimeMode timeMode) {
    plan = Plan.parse(json);
    input = new Input(plan);
    pages = new StatePages(getHandle(), plan.hash());
    results = new double[plan.aggregations().size()];
  }

  @Override
  public Iterator<Featured> handleInputRows(String key, Iterator<Event> rows, TimerValues timers) {
    List<Event> events = new ArrayList<>();
    while (rows.hasNext()) {
      events.add(rows.next());
    }
    if (events.size() > 1) {
      events.sort((one, other) -> Input.compare(one.input(), other.input()));
    }
    KeyHistory history = new KeyHistory(plan, pages);
    List<Featured> featured = new ArrayList<>(events.size());
    for (Event event : events) {
      featured.add(new Featured(event.event(), handle(history, event.input())));
    }
    history.flush();
    return CollectionConverters.asScala(featured.iterator());
  }

  private InternalRow handle(KeyHistory history, InternalRow row) {
    byte operation = Input.operation(row);
    if (operation == Input.NONE) {
      return null;
    }
    input.read(row);
    switch (operation) {
      case Input.PROFILE -> history.profile(Input.time(row), input.values, input.nulls);
      case Input.LABEL -> history.label(Input.time(row), Input.id(row), Input.mask(row), input.values, input.nulls);
      default -> {
        history.transaction(Input.time(row), Input.id(row), Input.mask(row), input.values, input.nulls, results);
        return resultRow();
      }
    }
    return null;
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
