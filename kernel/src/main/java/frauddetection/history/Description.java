package frauddetection.history;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

/** What {@link KeyHistory#describe} says. */
final class Description {
  private Description() {}

  static String of(Plan plan, Store store, EventLog log, Profile profile, double[] values) {
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    root.put("plan", plan.hash());
    root.put("key", plan.key());
    root.put("pages", store.pagesRead());
    root.put("bytes", store.bytesRead());
    describe(root, "transactions", log, false);
    describe(root, "labels", log == null || log.plan.labelled == 0 ? null : log, true);
    root.put("profile_time", profile.time() == Long.MIN_VALUE ? null : profile.time());
    ObjectNode all = root.putObject("values");
    for (int i = 0; i < values.length; i++) {
      all.put(plan.aggregations().get(i).name(), Double.isNaN(values[i]) ? null : values[i]);
    }
    return root.toString();
  }

  private static void describe(ObjectNode root, String name, EventLog log, boolean labelled) {
    if (log == null) {
      root.putNull(name);
      return;
    }
    long[] extent = extent(log, labelled);
    ObjectNode node = root.putObject(name);
    node.put("events", extent[0]);
    node.put("first_time", extent[0] == 0 ? null : extent[1]);
    node.put("last_time", extent[0] == 0 ? null : extent[2]);
  }

  /** How many remembered transactions there are, those with a label alone if asked, and the times of the first and the last of them. */
  private static long[] extent(EventLog log, boolean labelled) {
    long[] found = new long[3];
    for (Chunk chunk = log.first(); chunk != null; chunk = log.after(chunk)) {
      for (int i = 0; i < chunk.size; i++) {
        if (chunk.times[i] > log.horizon() && (!labelled || chunk.isLabelled(i))) {
          found[1] = found[0]++ == 0 ? chunk.times[i] : found[1];
          found[2] = chunk.times[i];
        }
      }
    }
    return found;
  }
}
