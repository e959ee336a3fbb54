package frauddetection.decision;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.UUID;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class ShareTest {
  private static final int LIMIT = 3;
  private final String partition = UUID.randomUUID() + "/0";

  private Share in(long batch) {
    return Share.of(partition, LIMIT, batch);
  }

  /** Returns how many of so many declines of a minute are made. */
  private static long made(Share share, long minute, int wanted) {
    return IntStream.range(0, wanted).filter(one -> !share.isAbove(true, minute)).count();
  }

  @Test
  void theSharesOfAllPartitionsAreTheCeiling() {
    for (int ceiling : new int[] {0, 1, 7, 8, 100}) {
      assertEquals(ceiling, IntStream.range(0, 8).map(one -> Share.part(ceiling, one, 8)).sum());
    }
  }

  @Test
  void aMinuteHasItsDeclinesOverAllBatches() {
    assertEquals(2, made(in(0), 10, 2));
    Share next = in(1);
    assertFalse(next.isAbove(false, 10), "what is not declined is not held back");
    assertEquals(1, made(next, 10, 5));
    assertEquals(LIMIT, made(next, 11, 5));
    assertEquals(LIMIT, made(next, 9, 5), "a late payment has its own minute");
    assertEquals(0, made(in(2), 11, 5));
  }

  @Test
  void aBatchThatComesAgainIsDecidedAlike() {
    made(in(0), 10, 2);
    assertEquals(1, made(in(1), 10, 5));
    assertEquals(1, made(in(1), 10, 5));
    assertEquals(0, made(in(2), 10, 5));
  }

  @Test
  void whoTakesOverHoldsBackInTheMinuteOfWhichItDoesNotKnowEnough() {
    Share share = in(7);
    assertFalse(share.isAbove(false, 10));
    assertEquals(0, made(share, 9, 5) + made(share, 10, 5));
    assertEquals(LIMIT, made(share, 11, 5));
    assertEquals(0, made(in(8), 10, 5));
  }

  @Test
  void whatIsForgottenCountsAsFull() {
    long minutes = 7 * 24 * 60 + 5;
    Share share = in(0);
    LongStream.range(0, minutes).forEach(minute -> share.isAbove(true, minute));
    assertTrue(in(1).isAbove(true, 0));
    assertTrue(in(1).isAbove(true, 4));
    assertEquals(LIMIT - 1, made(in(1), 5, 5));
  }
}
