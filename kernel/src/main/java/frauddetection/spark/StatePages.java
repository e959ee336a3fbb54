package frauddetection.spark;

import frauddetection.history.Pages;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.streaming.MapState;
import org.apache.spark.sql.streaming.StatefulProcessorHandle;
import org.apache.spark.sql.streaming.TTLConfig;
import org.apache.spark.sql.streaming.ValueState;

/** The pages of the key at work, in Spark's state store. The first page, for most keys the only one, is a value; the others are a map. */
final class StatePages implements Pages {
  private final ValueState<byte[]> first;
  private final MapState<Integer, byte[]> others;

  /** State variables are named by the plan: those of another plan are other variables, and History.plan_of finds the name. */
  StatePages(StatefulProcessorHandle handle, String planHash) {
    first = handle.getValueState("page_" + planHash, Encoders.BINARY(), TTLConfig.NONE());
    others = handle.getMapState("pages_" + planHash, Encoders.INT(), Encoders.BINARY(), TTLConfig.NONE());
  }

  @Override
  public byte[] get(int page) {
    return page == 0 ? first.get() : others.getValue(page);
  }

  @Override
  public void put(int page, byte[] bytes) {
    if (page == 0) {
      first.update(bytes);
    } else {
      others.updateValue(page, bytes);
    }
  }

  @Override
  public void remove(int page) {
    if (page == 0) {
      first.clear();
    } else {
      others.removeKey(page);
    }
  }
}
