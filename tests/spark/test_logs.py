"""What Spark, Java and the libraries say is in a file: standard error has what the program says, and where that file is."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.worlds import data_set

PROGRAMS = {
    "spark_jobs.write_features": ("--data=nowhere", "--out=out"),
    "training.backtest": ("--from=nowhere",),
    "training.train_model": ("--data=nowhere",),
}


def start(folder: Path, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", module, *arguments], cwd=folder, capture_output=True, text=True)


def test_a_run_says_only_what_it_has_done(tmp_path: Path) -> None:
    data = data_set(tmp_path / "data", "--rows", "300", "--days", "1")
    done = start(tmp_path, "spark_jobs.write_features", f"--data={data}", "--out=out")
    assert (done.returncode, done.stdout) == (0, "")
    (line,) = done.stderr.splitlines()
    assert "features written" in line
    assert "WARN" in (tmp_path / "logs" / "write_features" / "spark.log").read_text()


@pytest.mark.parametrize("module", PROGRAMS)
def test_a_failed_run_is_one_paragraph_and_says_where_its_trace_is(module: str, tmp_path: Path) -> None:
    done = start(tmp_path, module, *PROGRAMS[module])
    name = module.rpartition(".")[2]
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert "Path does not exist" in line
    assert line.endswith(f"The full trace is in logs/{name}.")
    assert "Traceback" in (tmp_path / "logs" / name / f"{name}.log").read_text()


@pytest.mark.parametrize("module", PROGRAMS)
def test_why_java_does_not_start_is_in_the_log(module: str, tmp_path: Path) -> None:
    two = json.dumps({"spark.driver.extraJavaOptions": "-XX:+UseZGC -XX:+UseSerialGC"})
    done = start(tmp_path, module, *PROGRAMS[module], f"--spark.conf={two}")
    name = module.rpartition(".")[2]
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.endswith(f"The full trace is in logs/{name}.")
    assert "Multiple garbage collectors selected" in (tmp_path / "logs" / name / "spark.log").read_text()
