package frauddetection.spark;

import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import org.apache.spark.sql.execution.streaming.operators.stateful.transformwithstate.statefulprocessor.StatefulProcessorHandleImpl;
import org.apache.spark.sql.execution.streaming.operators.stateful.transformwithstate.statefulprocessor.StatefulProcessorHandleState;
import org.apache.spark.sql.execution.streaming.operators.stateful.transformwithstate.ttl.TTLState;
import org.apache.spark.sql.streaming.StatefulProcessorHandle;

/**
 * The moment when a task has handled its last row and Spark is about to commit the task's state.
 *
 * <p>Spark tells a processor of no such moment: real-time mode looks for expired timers behind each row, and {@code close()} comes after
 * the commit. But right before it, on the task's own thread, Spark has every state variable with a time to live forget what is over. So
 * this poses as one (docs/adr/0013).
 */
final class BeforeCommit {
  private BeforeCommit() {}

  /** Has the work done in that moment. Nothing happens on the driver, where Spark makes a processor only to ask for its state variables. */
  static void call(StatefulProcessorHandle handle, Runnable work) {
    if (handle instanceof StatefulProcessorHandleImpl task) {
      task.ttlStates().add((TTLState) Proxy.newProxyInstance(
          TTLState.class.getClassLoader(), new Class<?>[] {TTLState.class}, (self, method, arguments) -> expire(task, method, work)));
    }
  }

  // A proxy, since the method has another parameter in Spark 4.3.0 than in 4.2.0, against which this is compiled.
  private static Object expire(StatefulProcessorHandleImpl task, Method method, Runnable work) {
    if (!method.getName().equals("clearExpiredStateForAllKeys")) {
      throw new UnsupportedOperationException(method.toString());
    }
    // Real-time mode asks once a second between rows too.
    if (!task.getHandleState().equals(StatefulProcessorHandleState.INITIALIZED())) {
      work.run();
    }
    return 0L;
  }
}
