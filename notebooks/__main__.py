"""`python -m notebooks` runs the walkthrough and writes it anew, with what its cells have printed and drawn."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

SOURCE = Path(__file__).parent / "walkthrough.py"
PAGE = SOURCE.with_suffix(".ipynb")
MOST_S = 600
"""Seconds that a cell may take."""


def run(source: Path = SOURCE) -> Any:
    """Returns the notebook of a source in jupytext's percent format, with the outputs of all of its cells.

    What goes to standard error is left out, as it tells how long something took, and so is when a cell ran.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell has failed, as it does where the text no longer says what comes out.
    """
    notebook: Any = jupytext.read(source)
    place = {"metadata": {"path": str(source.parents[1])}}
    with TemporaryDirectory() as folder:
        # By default the kernel would listen on TCP, where every user of the machine may speak to it.
        sockets = Config({"KernelManager": {"transport": "ipc", "ip": f"{folder}/kernel"}})
        NotebookClient(notebook, timeout=MOST_S, record_timing=False, resources=place, config=sockets).execute()
    del notebook.metadata["jupytext"]
    notebook.metadata.pop("language_info", None)
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
        if cell.cell_type == "code":
            cell.outputs = [one for one in cell.outputs if one.get("name") != "stderr"]
    return notebook


def main() -> None:
    """Writes the page."""
    nbformat.write(run(), PAGE)


if __name__ == "__main__":
    main()
