"""Records that somebody might send to a detector, out of hand or out of malice; the same ones in every run."""

import random

from tests.forms import FORMS, changed


def hostile(count: int, seed: int = 0) -> list[bytes | None]:
    """Returns the records of FORMS, and as many garbled transactions as are wanted besides."""
    draws = random.Random(seed)  # noqa: S311 no secret is drawn
    found = [form.value for form in FORMS]
    while len(found) < count:
        data = bytearray(changed(transaction_id=f"hostile-{len(found)}"))
        for _ in range(draws.randint(1, 4)):
            place = draws.randrange(len(data))
            change = draws.randrange(3)
            if change == 0:
                data[place] = draws.randrange(256)
            elif change == 1:
                del data[place : place + draws.randint(1, 8)]
            else:
                data[place:place] = bytes(draws.choices(b'{}[]",:0123456789.eE+-\\tn\x00\xff', k=draws.randint(1, 4)))
        found.append(bytes(data))
    return found[:count]
