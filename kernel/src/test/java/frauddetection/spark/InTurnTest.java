package frauddetection.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.junit.jupiter.api.Test;

/** Events that part and meet again are taken in the order in which they parted, whichever way is the quicker. */
class InTurnTest {
  private static final int SOURCES = 3;
  private static final int LINES = 4;
  private static final int WAYS = 5;

  private final InTurn inTurn = new InTurn();

  private static InTurn.Keyed event(int source, int line, long number) {
    InternalRow turn = new GenericInternalRow(new Object[] {source, line, number});
    return new InTurn.Keyed(source + "-" + line + "-" + number % 2, new Event(null, null, turn));
  }

  @Test
  void eachLineOfEachSourceKeepsItsOrder() {
    Random random = new Random(1);
    List<Deque<InTurn.Keyed>> ways = new ArrayList<>();
    for (int way = 0; way < WAYS; way++) {
      ways.add(new ArrayDeque<>());
    }
    int all = 20_000;
    long[][] numbers = new long[SOURCES][LINES];
    for (int i = 0; i < all; i++) {
      int source = random.nextInt(SOURCES);
      int line = random.nextInt(LINES);
      ways.get(random.nextInt(WAYS)).add(event(source, line, numbers[source][line]++));
    }

    Map<String, Long> next = new HashMap<>();
    int taken = 0;
    int longest = 0;
    while (ways.stream().anyMatch(way -> !way.isEmpty())) {
      Deque<InTurn.Keyed> way = ways.get(random.nextInt(WAYS));
      for (int burst = random.nextInt(100); burst > 0 && !way.isEmpty(); burst--) {
        InTurn.Keyed came = way.remove();
        for (InTurn.Keyed one : inTurn.came(came.key(), came.event())) {
          InternalRow turn = one.event().turn();
          String line = turn.getInt(Turns.SOURCE) + "-" + turn.getInt(Turns.LINE);
          long number = turn.getLong(Turns.NUMBER);
          assertEquals(next.getOrDefault(line, 0L), number);
          assertEquals(line + "-" + number % 2, one.key());
          next.put(line, number + 1);
          taken++;
        }
        longest = Math.max(longest, inTurn.waiting());
      }
    }
    assertEquals(all, taken);
    assertEquals(0, inTurn.waiting());
    assertTrue(longest > 100, "some came too early");
  }

  @Test
  void itIsKnownThatOneHasNotCome() {
    InTurn.Keyed second = event(0, 0, 1);
    InTurn.Keyed ofAnotherSource = event(1, 0, 0);
    assertEquals(List.of(), inTurn.came(second.key(), second.event()));
    assertEquals(List.of(ofAnotherSource), inTurn.came(ofAnotherSource.key(), ofAnotherSource.event()));
    assertEquals(1, inTurn.waiting());
  }
}
