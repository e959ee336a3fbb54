"""The worked example of docs/how-to/import-a-history.md, as a person runs it."""

import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pyarrow.parquet as pq

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "import-a-history.md"


def test_the_worked_example_does_what_its_page_says(home: Path) -> None:
    example = PAGE.read_text().partition("## A worked example")[2].partition("\n## ")[0]
    blocks = [(kind, dedent(text)) for kind, text in re.findall(r"^ *```(\w*)\n(.*?)^ *```$", example, re.DOTALL | re.MULTILINE)]
    assert [kind for kind, _ in blocks] == ["csv", "sh", "yaml", "sh", ""]
    (_, data), (_, propose), (_, mapping), (_, run), (_, printed) = blocks
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COLUMNS": "120", "NO_COLOR": "1"}

    def shell(commands: str) -> str:
        done = subprocess.run(["bash", "-ec", commands], capture_output=True, text=True, env=environment)  # noqa: S607
        assert done.returncode == 0, done.stderr
        return done.stdout

    (home / "payments.csv").write_text(data)
    shell(propose)
    proposed = (home / "mapping.yaml").read_text()
    assert 'card_id: "pan"' in proposed
    assert "# amount:" in proposed
    (home / "mapping.yaml").write_text(mapping)
    told = shell(run)
    assert [line.split() for line in told.splitlines()] == [line.split() for line in printed.splitlines()]
    paid = pq.read_table(home / "history" / "transactions").to_pylist()
    assert [(f"{one['amount']:.2f}", one["event_time"].isoformat()[:16]) for one in paid][:2] == [
        ("3.80", "2026-03-01T08:15"),
        ("25.99", "2026-03-01T17:40"),
    ]
    assert "4111111111111111" not in str(paid)
    assert ((home / "card.key").stat().st_mode & 0o777) == 0o600
