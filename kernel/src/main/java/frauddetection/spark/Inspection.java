package frauddetection.spark;

import frauddetection.history.KeyHistory;
import frauddetection.history.Pages;
import frauddetection.history.Plan;
import java.util.Map;

/** Looks into the state of one key, for people: spark_jobs/explain_history.py reads the pages and calls this. */
public final class Inspection {
  private Inspection() {}

  /**
   * Returns {@link KeyHistory#describe} of a key's pages. The map is not changed.
   *
   * @param plan JSON, made by spark_jobs/aggregations.py
   * @param atMicros the instant at which the windows end
   */
  public static String describe(String plan, Map<Integer, byte[]> pages, long atMicros) {
    return new KeyHistory(Plan.parse(plan), Pages.readOnly(pages)).describe(atMicros);
  }
}
