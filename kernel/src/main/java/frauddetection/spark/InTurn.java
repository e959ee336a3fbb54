package frauddetection.spark;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.catalyst.InternalRow;

/**
 * Has events wait for those that were before them in their line ({@link Turns}), where a later one has come by a quicker way. Every event
 * of a line comes, and within one batch.
 */
final class InTurn {
  /** An event, and its key. */
  record Keyed(String key, Event event) {}

  private record Line(int source, int number) {}

  private static final class Place {
    long next;
    final Map<Long, Keyed> waiting = new HashMap<>();
  }

  private final Map<Line, Place> places = new HashMap<>();
  private int waiting;

  /** Returns the events whose turn it is now that this one has come, in their order: none, this one, or others behind it too. */
  List<Keyed> came(String key, Event event) {
    InternalRow turn = event.turn();
    Place place = places.computeIfAbsent(new Line(turn.getInt(Turns.SOURCE), turn.getInt(Turns.LINE)), any -> new Place());
    long number = turn.getLong(Turns.NUMBER);
    if (number != place.next) {
      place.waiting.put(number, new Keyed(key, event));
      waiting++;
      return List.of();
    }
    List<Keyed> ready = new ArrayList<>(1);
    for (Keyed one = new Keyed(key, event); one != null; one = place.waiting.remove(place.next)) {
      ready.add(one);
      place.next++;
    }
    waiting -= ready.size() - 1;
    return ready;
  }

  /** Returns how many have not had their turn. */
  int waiting() {
    return waiting;
  }
}
