package frauddetection.spark;

import org.apache.spark.sql.execution.streaming.operators.stateful.transformwithstate.statefulprocessor.ImplicitGroupingKeyTracker;
import scala.Option;

/** The key whose state Spark's state variables are. */
final class KeyAtWork {
  private KeyAtWork() {}

  /** Does something with the state of a key while Spark has another one at work, or none. */
  static void change(String key, Runnable work) {
    Option<Object> before = ImplicitGroupingKeyTracker.getImplicitKeyOption();
    ImplicitGroupingKeyTracker.setImplicitKey(key);
    try {
      work.run();
    } finally {
      if (before.isDefined()) {
        ImplicitGroupingKeyTracker.setImplicitKey(before.get());
      } else {
        ImplicitGroupingKeyTracker.removeImplicitKey();
      }
    }
  }
}
