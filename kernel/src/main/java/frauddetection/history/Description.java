package frauddetection.history;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

/** What {@link KeyHistory#describe} says. */
final class Description {
  private Description() {}

  static String of(Plan plan, Store store, EventLog transactions, EventLog labels, Profile profile, double[] values) {
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    root.put("plan", plan.hash());
    root.put("key", plan.key());
    root.put("pages", store.pagesRead());
    root.put("bytes", store.bytesRead());
    describe(root, "transactions", transactions);
    describe(root, "labels", labels);
    root.put("profile_time", profile.time() == Long.MIN_VALUE ? null : profile.time());
    ObjectNode all = root.putObject("values");
    for (int i = 0; i < values.length; i++) {
      all.put(plan.aggregations().get(i).name(), Double.isNaN(values[i]) ? null : values[i]);
    }
    return root.toString();
  }

  private static void describe(ObjectNode root, String name, EventLog log) {
    if (log == null) {
      root.putNull(name);
      return;
    }
    long[] extent = log.extent();
    ObjectNode node = root.putObject(name);
    node.put("events", extent[0]);
    node.put("first_time", extent[0] == 0 ? null : extent[1]);
    node.put("last_time", extent[0] == 0 ? null : extent[2]);
  }
}
