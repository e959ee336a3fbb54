package frauddetection.spark;

import frauddetection.history.Conversion;
import frauddetection.history.Plan;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.spark.SparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.streaming.OutputMode;
import org.apache.spark.sql.streaming.StatefulProcessorWithInitialState;
import org.apache.spark.sql.streaming.TimeMode;
import org.apache.spark.sql.streaming.TimerValues;
import org.apache.spark.util.LongAccumulator;
import scala.collection.Iterator;
import scala.jdk.javaapi.CollectionConverters;

/**
 * The step in the place of a {@link History} whose state begins with what another checkpoint holds: the first batch writes it, for a plan
 * that may be another one. Its state variables are those of History, which goes on with them. It reads no events.
 */
public final class Move extends StatefulProcessorWithInitialState<String, String, String, Row> {
  private static final long serialVersionUID = 1L;
  private static final int PAGES = 1;

  /** A plan and the text of its conditions, as spark_jobs/kept_plans.py keeps them. */
  public record Kept(String plan, List<String> conditions) implements Serializable {
    /** Made by Python, whose list lives there. */
    public Kept {
      conditions = new ArrayList<>(conditions);
    }
  }

  /** What was moved so far, as far as tasks have ended. */
  public static final class Count implements Serializable {
    private static final long serialVersionUID = 1L;
    private final LongAccumulator keys;
    private final LongAccumulator payments;

    /** Nothing yet. */
    public Count(SparkContext spark) {
      keys = spark.longAccumulator();
      payments = spark.longAccumulator();
    }

    /** Returns the number of keys with a history. */
    public long keys() {
      return keys.value();
    }

    /** Returns the number of payments that they remember. */
    public long payments() {
      return payments.value();
    }
  }

  private final Kept from;
  private final Kept to;
  private final Count count;
  private transient Conversion conversion;
  private transient StatePages pages;

  private Move(Kept from, Kept to, Count count) {
    this.from = from;
    this.to = to;
    this.count = count;
  }

  /** Returns how the history of one plan becomes that of the other. */
  public static Conversion conversion(Kept from, Kept to) {
    return new Conversion(Plan.parse(from.plan), from.conditions, Plan.parse(to.plan), to.conditions);
  }

  /**
   * Returns a dataset without rows, with a column {@code key}.
   *
   * @param keys a stream without rows, with a column {@code key} (string)
   * @param pages columns {@code key} and {@code pages} (map of int to binary), a row for each key of the old checkpoint
   */
  public static Dataset<Row> apply(Dataset<Row> keys, Dataset<Row> pages, Kept from, Kept to, Count count) {
    return keys
        .groupBy("key")
        .as(Encoders.STRING(), Encoders.STRING())
        .transformWithState(
            new Move(from, to, count),
            TimeMode.None(),
            OutputMode.Update(),
            pages.groupBy("key").as(Encoders.STRING(), Encoders.row(pages.schema())),
            Encoders.STRING(),
            Encoders.row(pages.schema()))
        .select(functions.coalesce(functions.col("value"), functions.lit("")).as("key")); // never null, as History's
  }

  @Override
  public void init(OutputMode outputMode, TimeMode timeMode) {
    conversion = conversion(from, to);
    pages = new StatePages(getHandle(), Plan.parse(to.plan).hash());
  }

  @Override
  public void handleInitialState(String key, Row old, TimerValues timers) {
    Map<Integer, byte[]> held = old.getJavaMap(PAGES);
    count.payments.add(conversion.convert(held, pages));
    count.keys.add(pages.get(0) == null ? 0 : 1);
  }

  @Override
  public Iterator<String> handleInputRows(String key, Iterator<String> rows, TimerValues timers) {
    return CollectionConverters.asScala(List.<String>of().iterator());
  }
}
