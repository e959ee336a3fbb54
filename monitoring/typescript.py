"""`python -m monitoring.typescript` writes the committed dashboards as TypeScript, for `make test-boards`.

Grafana's own types then judge them. TypeScript looks for keys that are too many in a literal alone, and takes no JSON for one: so
each dashboard, and the options and fields of each panel, is a literal of its own.
"""

import json
import sys
from collections.abc import Iterator

from monitoring.__main__ import FOLDER

HEAD = """\
import type {
  BarChartFieldConfig, BarChartOptions, BarGaugePanelOptions, Dashboard, GraphFieldConfig, StatPanelOptions, TableFieldOptions,
  TableOptions, TimeSeriesOptions,
} from '@grafana/schema';

// A string of JSON is that of an enumeration.
type Plain<T> =
  T extends string ? `${T}` : T extends (infer U)[] ? Plain<U>[] : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;

"""
TYPES = {
    "barchart": ("BarChartOptions", "BarChartFieldConfig"),
    "bargauge": ("BarGaugePanelOptions", None),
    "stat": ("StatPanelOptions", None),
    "table": ("TableOptions", "TableFieldOptions"),
    "timeseries": ("TimeSeriesOptions", "GraphFieldConfig"),
}
"""Of a panel's type its options' type, and that of its fields' own settings."""


def typescript() -> str:
    """Returns the text of the module."""
    return HEAD + "".join(_constants())


def _constants() -> Iterator[str]:
    for file in sorted(FOLDER.glob("*.json")):
        name, board = file.stem.replace("-", "_"), json.loads(file.read_text())
        yield _constant(name, "Dashboard", board)
        for number, panel in enumerate(board["panels"]):
            options, fields = TYPES[panel["type"]]
            yield _constant(f"{name}_{number}_options", options, panel["options"])
            if fields:
                yield _constant(f"{name}_{number}_fields", fields, panel["fieldConfig"]["defaults"]["custom"])


def _constant(name: str, kind: str, value: object) -> str:
    return f"export const {name}: Plain<Partial<{kind}>> = {json.dumps(value, indent=2)};\n"


if __name__ == "__main__":
    sys.stdout.write(typescript())
