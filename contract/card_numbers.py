"""Numbers of payment cards, where they must not be."""

import re

LIKE_ANY = re.compile(r"\d{13,19}", re.ASCII)
LIKE_A_NETWORKS = re.compile(
    r"4\d{12}(\d{3}){0,2}|5[1-5]\d{14}|2(22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|3(0[0-5]|[68]\d)\d{11}|35\d{14}"
    r"|6\d{15,18}",
    re.ASCII,
)
"""How numbers begin and how long they are: Visa; Mastercard, twice; American Express; Diners Club; JCB; Discover and UnionPay."""

_WITHOUT_SEPARATORS = str.maketrans("", "", " -")


def is_card_number(text: str, *, any_network: bool) -> bool:
    """Returns whether the text is 13 to 19 digits that pass Luhn's check (ISO/IEC 7812-1, annex B), blanks and hyphens aside.

    Unless `any_network`, only where it begins as the numbers of a known network do, with as many digits as these have.
    """
    pattern = LIKE_ANY if any_network else LIKE_A_NETWORKS
    digits = text.translate(_WITHOUT_SEPARATORS)
    return pattern.fullmatch(digits) is not None and _passes_luhn(digits)


def _passes_luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = int(digit) * (1 + place % 2)
        total += number - 9 if number > 9 else number  # the sum of its two digits
    return total % 10 == 0
