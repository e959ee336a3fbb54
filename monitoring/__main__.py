"""`python -m monitoring` writes the dashboards anew, as JSON, to where the chart takes them from."""

import json
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from monitoring.live import live
from monitoring.model_health import model_health
from monitoring.money import money
from monitoring.operations import operations

FOLDER = Path(__file__).parents[1] / "charts" / "fraud-detection" / "files" / "dashboards"
BOARDS = (live, operations, model_health, money)


def dashboards() -> dict[str, str]:
    """Returns the text of each dashboard by the name of its file."""
    built = [make().build() for make in BOARDS]
    return {f"{one.uid}.json": json.dumps(one, cls=JSONEncoder, indent=2) + "\n" for one in built}


def main() -> None:
    """Writes the files, and removes those of dashboards that there are no more."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    written = dashboards()
    for name, text in written.items():
        (FOLDER / name).write_text(text)
    for old in FOLDER.glob("*.json"):
        if old.name not in written:
            old.unlink()


if __name__ == "__main__":
    main()
