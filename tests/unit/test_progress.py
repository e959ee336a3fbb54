"""How far the work has come: a bar on a terminal, a line elsewhere."""

import os
import pty
import sys

import pytest
from structlog.testing import capture_logs

from training import progress


def work() -> list[int]:
    with progress.step("model"):
        pass
    return list(progress.each("folds", [7, 8]))


def test_where_there_is_no_terminal_each_step_is_a_line_of_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    with capture_logs() as lines:
        assert work() == [7, 8]
    assert [line["event"] for line in lines] == ["model", "folds"]
    assert all(line["seconds"] >= 0 for line in lines)
    assert capfd.readouterr() == ("", "")


def test_on_a_terminal_each_step_is_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w") as terminal, capture_logs() as lines:
        monkeypatch.setattr(sys, "stderr", terminal)
        assert work() == [7, 8]
        terminal.flush()
        shown = os.read(leader, 100_000).decode()
    os.close(leader)
    assert lines == []
    assert "model" in shown
    assert "2/2" in shown


def test_a_step_that_fails_is_not_said_to_be_done() -> None:
    with capture_logs() as lines, pytest.raises(ZeroDivisionError), progress.step("model"):
        raise ZeroDivisionError
    assert lines == []
