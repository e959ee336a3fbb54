"""Payments of our own in the shape of Sparkov's files: invented people, seeded, with card numbers that pass Luhn's check."""

import csv
import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

BEGIN = datetime(2019, 1, 1)
COMMAS = (
    *("", "trans_date_trans_time", "cc_num", "merchant", "category", "amt", "first", "last", "gender", "street", "city", "state"),
    *("zip", "lat", "long", "city_pop", "job", "dob", "trans_num", "unix_time", "merch_lat", "merch_long", "is_fraud"),
)
PIPES = (
    *("ssn", "cc_num", "first", "last", "gender", "street", "city", "state", "zip", "lat", "long", "city_pop", "job", "dob"),
    *("acct_num", "profile", "trans_num", "trans_date", "trans_time", "unix_time", "category", "amt", "is_fraud", "merchant"),
    *("merch_lat", "merch_long"),
)
CATEGORIES = ("grocery_pos", "shopping_net", "gas_transport", "misc_net", "food_dining")
MERCHANTS = ("fraud_Ames, Berg and Sons", "fraud_Cole Inc", "fraud_Dunn-Eck")


def card_number(draws: random.Random, digits: int) -> str:
    """Returns so many digits, the last of them Luhn's check digit."""
    body = [draws.randrange(1, 10) for _ in range(digits - 1)]
    doubled = [sum(divmod(2 * one, 10)) if place % 2 == 0 else one for place, one in enumerate(reversed(body))]
    return "".join(map(str, [*body, -sum(doubled) % 10]))


def holders(seed: int = 0, count: int = 12) -> list[dict[str, Any]]:
    """Returns people; the last one's card number has eleven digits, as some of Sparkov's do."""
    draws = random.Random(seed)  # noqa: S311
    return [
        {
            **{"ssn": f"{draws.randrange(900, 999)}-{draws.randrange(10, 99)}-{draws.randrange(1000, 9999)}"},
            **{"cc_num": card_number(draws, draws.choice((13, 15, 16, 19)) if number < count - 1 else 11)},
            **{"first": f"Given{number}", "last": f"Family{number}", "gender": draws.choice("FM"), "street": f"{number} Own Road"},
            **{
                "city": "Nowhere",
                "state": "NB",
                "zip": f"{draws.randrange(10_000, 99_999)}",
                "city_pop": 1_000,
                "job": 'Tester, "A"',
            },
            **{"lat": round(draws.uniform(35, 45), 4), "long": round(draws.uniform(-110, -80), 4)},
            **{"dob": f"19{draws.randrange(40, 99)}-0{draws.randrange(1, 9)}-1{draws.randrange(0, 9)}"},
            **{"acct_num": f"{draws.randrange(10**11, 10**12)}", "profile": "adults.json"},
        }
        for number in range(count)
    ]


def payments(
    people: list[dict[str, Any]], rows: int, seed: int = 0, begin: datetime = BEGIN, days: float = 20
) -> list[dict[str, Any]]:
    """Returns rows with all columns of both shapes, in order of time; trans_num begins anew in each call, as it does there."""
    draws = random.Random(seed + 1)  # noqa: S311
    found = []
    for number, seconds in enumerate(sorted(draws.randrange(int(days * 86_400)) for _ in range(rows))):
        who, at = draws.choice(people), begin + timedelta(seconds=seconds)
        fraud = draws.random() < 0.06
        found.append(
            who
            | {
                "": number,
                "trans_num": f"{number:032x}",
                "trans_date_trans_time": at.isoformat(" "),
                "trans_date": at.date().isoformat(),
                "trans_time": at.time().isoformat(),
                "unix_time": int((at - datetime(1970, 1, 1)).total_seconds()) - 7 * 365 * 86_400,
                "category": draws.choice(CATEGORIES),
                "amt": f"{draws.uniform(1, 90) * (10 if fraud else 1):.2f}",
                "merchant": draws.choice(MERCHANTS),
                "merch_lat": round(float(who["lat"]) + draws.uniform(-1, 1), 6),
                "merch_long": round(float(who["long"]) + draws.uniform(-1, 1), 6),
                "is_fraud": int(fraud),
            }
        )
    return found


def write(file: Path, rows: list[dict[str, Any]], columns: tuple[str, ...] = COMMAS) -> Path:
    """Writes rows in one of the two shapes and returns the file."""
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, columns, delimiter="|" if columns is PIPES else ",", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return file
