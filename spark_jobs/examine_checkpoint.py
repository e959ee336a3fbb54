"""What is wrong with a checkpoint, and what keeps its history: `python -m spark_jobs.examine_checkpoint --checkpoint DIR`.

Reads only, beside a running detector too, and a folder without Spark. The exit code is 1 where something is wrong.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import structlog
from pydantic import Field

from configuration import FraudDetectionError, report
from spark_jobs import failures, lease, session
from spark_jobs.batch_logs import COMMITS, METADATA, OFFSETS, Batches, batches, fault, has_name, unfinished
from spark_jobs.checkpoint_files import Files, Folder, HadoopFolder
from spark_jobs.settings import DetectorSettings, on_s3
from spark_jobs.state_files import State

PROGRAM = "python -m spark_jobs.examine_checkpoint"
NAME = "examine_checkpoint"

GO_BACK = (
    "Stop the program, keep a copy of the checkpoint, and remove offsets/N and commits/N for every N above {batch}. The next start "
    "goes on behind batch {batch}, with the history of then: it reads what came since from Kafka again, and publishes it under "
    "the same ids. Nothing is lost that Kafka still holds"
)
NOTHING_LEFT = (
    "Restore the checkpoint from a copy. Where there is none a new `checkpoint` is all that is left. Lost is the history of all "
    "cards and terminals but for what Kafka still holds; `publish_from` keeps that from being published again "
    "(docs/how-to/change-features.md)"
)
SPARE = "Remove it: the file before it says the same"


class ExamineSettings(DetectorSettings):
    """Says what is wrong with a checkpoint, and what to do.

    It takes the detector's settings, so that the detector's own file can be given, and uses checkpoint, s3 and spark.conf.
    """

    output: Literal["lines", "json"] = Field("lines", description="For people, or for scripts")


class Finding(NamedTuple):
    """One line of the answer. `advice` is empty where nothing need be done."""

    name: str
    ok: bool
    found: str
    advice: str = ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the findings; returns the exit code, 0 where all is well."""
    try:
        settings = ExamineSettings.load(sys.argv[1:] if arguments is None else arguments, PROGRAM)
        what = f"The checkpoint {settings.checkpoint} cannot be read"
        with failures.told(what, "Check `checkpoint` and `s3`.", NAME, settings.log_dir):
            found = _found_in(settings)
    except FraudDetectionError as error:
        return report(error)
    if settings.output == "json":
        sys.stdout.write(json.dumps([one._asdict() for one in found], indent=2) + "\n")
    else:
        for one in found:
            advice = f". {one.advice}." if one.advice else ""
            sys.stdout.write(f"{'ok     ' if one.ok else 'problem'} {one.name}: {one.found}{advice}\n")
    return 0 if all(one.ok for one in found) else 1


def examine(files: Files) -> list[Finding]:
    """Returns what there is and what is wrong. Raises one of FilesFailure."""
    sizes = files.sizes()
    logs = batches(files)
    if not logs.planned and not logs.done:
        return [Finding("checkpoint", False, "no batch has begun here", "Where one should have, check the path")]
    return [_lease(files), *_batches(files, sizes, logs)]


def _lease(files: Files) -> Finding:
    holder = lease.read(files)
    if holder is None:
        return Finding("lease", True, "nobody works on it")
    gone = "; that process is gone, and the next start takes it" if holder.lives() is False else ""
    return Finding("lease", True, f"held by {holder}{gone}")


def _batches(files: Files, sizes: Mapping[str, int], logs: Batches) -> Iterator[Finding]:
    cut = unfinished(files)
    for name, wrong in cut.items():
        yield Finding(name, True, f"{wrong}; the next start removes it and runs the newest batch again")
    if not has_name(files):
        yield Finding(METADATA, True, "is missing or cannot be read; the next start writes it anew")
    done = max((number for number in logs.done if f"{COMMITS}/{number}" not in cut), default=-1)
    newest = max((number for number in logs.planned if f"{OFFSETS}/{number}" not in cut), default=-1)
    state = State(files, sizes)
    gap = {f"{COMMITS}/{number}": "is missing" for number in range(done + 1, newest)}
    faults = _faults(files, state, done, max(done, newest)) | gap
    known = f"done up to batch {done}" if done >= 0 else "none is done"
    yield Finding("batches", not faults, known + (f", batch {newest} has begun" if newest > done else ""))
    if not faults:
        return
    ends = [number for number in logs.done if number < done + bool(gap)]
    whole = next((number for number in reversed(ends) if not _faults(files, state, number, number)), None)
    spare = {name for name in faults if state.spare(name)}
    for name, wrong in faults.items():
        yield Finding(name, False, wrong, SPARE if name in spare else "")
    if spare == faults.keys():
        return
    if whole is None:
        yield Finding("way back", False, "no batch is whole", NOTHING_LEFT)
        return
    yield Finding("way back", False, f"batch {whole} is whole", GO_BACK.format(batch=whole))


def _faults(files: Files, state: State, batch: int, begun: int) -> dict[str, str]:
    """Returns the files that a program which goes on behind a batch needs and cannot read."""
    if batch < 0:
        return {}
    needed = [f"{OFFSETS}/{number}" for number in (batch - 1, batch) if number >= 0] + [f"{COMMITS}/{batch}"]
    logs = {name: wrong for name in needed if (wrong := fault(files.read(name)))}
    return logs | state.faults(batch, begun)


def _found_in(settings: ExamineSettings) -> list[Finding]:
    if not on_s3(settings.checkpoint):
        return examine(Folder(Path(settings.checkpoint)))
    spark = session.build(NAME, settings.spark, settings.s3, 1, settings.log_dir)
    try:
        session.require_storage(spark, (settings.checkpoint,))
        return examine(HadoopFolder(spark, settings.checkpoint))
    finally:
        spark.stop()


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    sys.exit(main())
