"""`python -m monitoring.typescript` writes the committed dashboards as TypeScript, for `make test-boards`.

Grafana's own types then judge them. TypeScript looks for keys that are too many in a literal alone, and takes no JSON for one: so
each dashboard, and the options and fields of each panel, is a literal of its own.
"""

import json
import sys
from collections.abc import Iterator

from monitoring.__main__ import FOLDER

KINDS = {"barchart": "BarChart", "bargauge": "BarGauge", "stat": "Stat", "table": "Table", "timeseries": "TimeSeries"}
"""Of a panel's type how the file of its types is named."""
PLAIN = """\
// A string of JSON is that of an enumeration.
type Plain<T> =
  T extends string ? `${T}` : T extends (infer U)[] ? Plain<U>[] : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;

"""


def typescript() -> str:
    """Returns the text of the module."""
    return "".join(_imports()) + PLAIN + "".join(_constants())


def _imports() -> Iterator[str]:
    yield "import type { Dashboard } from '@grafana/schema';\n"
    for kind, name in KINDS.items():
        file = f"{kind}/panelcfg/x/{name}PanelCfg_types.gen"
        yield f"import type * as {kind} from '@grafana/schema/dist/esm/raw/composable/{file}';\n"


def _constants() -> Iterator[str]:
    for file in sorted(FOLDER.glob("*.json")):
        name, board = file.stem.replace("-", "_"), json.loads(file.read_text())
        yield _constant(name, "Dashboard", board)
        for number, panel in enumerate(board["panels"]):
            kind, fields = panel["type"], panel["fieldConfig"]["defaults"].get("custom")
            yield _constant(f"{name}_{number}_options", f"{kind}.Options", panel["options"])
            if fields:
                yield _constant(f"{name}_{number}_fields", f"{kind}.FieldConfig", fields)


def _constant(name: str, kind: str, value: object) -> str:
    return f"export const {name}: Plain<Partial<{kind}>> = {json.dumps(value, indent=2)};\n"


if __name__ == "__main__":
    sys.stdout.write(typescript())
