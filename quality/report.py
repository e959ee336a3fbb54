"""The outcomes as a page: one HTML file that needs nothing else."""

from collections.abc import Sequence
from datetime import date
from html import escape

from quality.checking import Outcome, failed

STYLE = """
body { font: 15px/1.5 sans-serif; margin: 2em auto; max-width: 75em; padding: 0 1em; color: #222; }
table { border-collapse: collapse; } th, td { text-align: left; vertical-align: top; padding: .3em 1em .3em 0; }
tr { border-bottom: 1px solid #ddd; } code { font-size: 85%; } .failed-critical { background: #fbe3e4; }
.failed-warning { background: #fff3d6; } .unchecked { color: #777; }
"""
COLUMNS = ("expectation", "severity", "result", "what is expected", "what was found")


def verdict(outcomes: Sequence[Outcome], day: date) -> str:
    """Returns in one sentence how the day is."""
    checked = sum(one.success is not None for one in outcomes)
    critical, warnings = (len(failed(outcomes, severity)) for severity in ("critical", "warning"))
    how = "is as expected" if not critical else "cannot be trusted"
    return f"{day} {how}: {critical} critical and {warnings} warnings of {checked} expectations that were checked"


def result(one: Outcome) -> str:
    """Returns in one word what came of an expectation."""
    return {True: "ok", False: "failed", None: "unchecked"}[one.success]


def html(outcomes: Sequence[Outcome], day: date) -> str:
    """Returns the page."""
    head = "".join(f"<th>{name}</th>" for name in COLUMNS)
    title = escape(f"Data quality: {verdict(outcomes, day)}")
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style></head>
<body><h1>Data quality</h1><p>{escape(verdict(outcomes, day))}.</p>
<table><thead><tr>{head}</tr></thead><tbody>
{"".join(map(_row, outcomes))}</tbody></table></body></html>
"""


def _row(one: Outcome) -> str:
    kind = f"failed-{one.severity}" if one.success is False else result(one)
    query = f"<br><code>{escape(one.query)}</code>" if one.query else ""
    cells = "".join(f"<td>{escape(text)}</td>" for text in (one.expectation, one.severity, result(one), one.says))
    return f'<tr class="{kind}">{cells}<td>{escape(one.observed)}{query}</td></tr>\n'
