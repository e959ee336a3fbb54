"""CPU time of a program with all that it starts."""

from contextlib import suppress
from statistics import median

import psutil
from pyspark.sql import DataFrame


class CpuTime:
    """Of a process and all that it starts, those that have ended included: idle Python workers do."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._by_pid: dict[int, float] = {}

    def seconds(self) -> float:
        """Returns the CPU time so far."""
        for one in (self._process, *self._process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                times = one.cpu_times()
                self._by_pid[one.pid] = times.user + times.system
        return sum(self._by_pid.values())

    def of_reading(self, frame: DataFrame, rounds: int, warm_up: int) -> float:
        """Returns the CPU seconds that all rows of a frame take: the median of some rounds, after some to warm up."""
        seconds = []
        for _ in range(warm_up + rounds):
            before = self.seconds()
            frame.write.format("noop").mode("overwrite").save()
            seconds.append(self.seconds() - before)
        return median(seconds[warm_up:])
