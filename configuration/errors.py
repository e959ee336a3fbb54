"""The root of the project's errors, and the one way in which a program ends on one."""

import sys


class FraudDetectionError(Exception):
    """What a user sees when something is wrong: one paragraph that says what happened and what to do. No value of a secret."""

    exit_code = 1
    """Of a program that ends on it. A kind of error that scripts tell from others has one of its own."""

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(f"{what.rstrip('.')}. {advice}")
        self.what = what
        self.advice = advice


def report(error: FraudDetectionError) -> int:
    """Prints the error's paragraph to standard error and returns its exit code."""
    sys.stderr.write(f"error: {error}\n")
    return error.exit_code
