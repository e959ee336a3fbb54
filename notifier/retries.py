"""When a message is tried again."""

import random

FIRST_S = 5.0
GROWTH = 3.0
LONGEST_S = 86_400.0
MOST_TRIES = 11
"""The pauses are 5 s, 15 s, 45 s and so on, and the tenth is a day: a message is given up after a day and a half."""
JITTER = 0.2


def pause_s(tries: int, chosen: random.Random) -> float | None:
    """Returns how many seconds to wait after so many tries that failed; None where it is given up.

    Up to a fifth is added by chance, so that what failed together does not come again together.
    """
    if tries >= MOST_TRIES:
        return None
    return min(FIRST_S * GROWTH ** (tries - 1) * (1 + JITTER * chosen.random()), LONGEST_S)
