"""What happens to a detector, as `tests.chart.alerting` shows it: each function returns, or is, what makes a fault for a world."""

import math
from collections.abc import Callable

from tests.chart import alerting as a

Making = Callable[[a.World], a.Fault]


def until(seconds: float, fault: Making) -> Making:
    """Returns the same fault, ended after so many seconds."""

    def make(world: a.World) -> a.Fault:
        begun = fault(world)
        return lambda t, samples: begun(t, samples) if t < seconds else None

    return make


def setting(**values: float) -> Making:
    """Returns a fault that sets series, by their names in `alerting`."""
    return lambda world: lambda t, samples: samples.update({getattr(a, name): value for name, value in values.items()})


def replaced(until_s: float) -> Making:
    """Returns a fault that puts another champion into the place of the one that scores, until then."""

    def make(world: a.World) -> a.Fault:
        def fault(t: float, samples: a.Samples) -> None:
            if world.period_s <= t < until_s:
                samples[a.NEXT_CHAMPION] = samples.pop(a.CHAMPION)

        return fault

    return make


def waiting(world: a.World, t: float, samples: a.Samples) -> None:
    """Payments come and nothing goes out."""
    if world.is_watched:
        samples[a.WAITED] = t
        clean = world.scraped(a.BEGAN_S)
        samples.update({both[1]: clean[both[1]] for both in a.DECIDED.values()} | {one: clean[one] for one in a.LATENCIES.values()})


def killed(world: a.World) -> a.Fault:
    def fault(t: float, samples: a.Samples) -> None:
        waiting(world, t, samples)
        for series in a.of_detector(samples):
            del samples[series]

    return fault


def frozen(world: a.World) -> a.Fault:
    """The query stands still; the process serves what it knows."""

    def fault(t: float, samples: a.Samples) -> None:
        waiting(world, t, samples)
        clean = world.scraped(a.BEGAN_S)
        samples.update({series: clean[series] for series in a.of_detector(samples)})
        samples[a.SINCE] = clean[a.SINCE] + t

    return fault


def starting(every_s: float, times: float = math.inf) -> Making:
    """Returns a fault that ends the detector before its first batch is done, and starts it so many times."""

    def make(world: a.World) -> a.Fault:
        def fault(t: float, samples: a.Samples) -> None:
            waiting(world, t, samples)
            samples.update({series: 0.0 for series in a.of_detector(samples) if series != a.CHAMPION})
            last = min(t // every_s, times - 1) * every_s
            samples.update({a.STARTED: a.BEGAN_S + last, a.SINCE: t - last})

        return fault

    return make


def late(share: float, seconds: float = math.inf) -> Making:
    """Returns a fault that makes a share of the payments wait for more than two seconds, and be far behind at each report."""

    def make(world: a.World) -> a.Fault:
        def fault(t: float, samples: a.Samples) -> None:
            if share == 1 and t < seconds and t >= world.period_s:
                samples[a.LAG] = t
            if world.is_watched and t < seconds:
                behind = share * world.since(samples, a.LATENCIES["2.0"])
                samples[a.LATENCIES["0.05"]] -= behind * 0.995
                samples[a.LATENCIES["2.0"]] -= behind

        return fault

    return make


def growing(share: float, own: a.Series, live: a.Series) -> Making:
    """Returns a fault that counts a share of the payments."""

    def make(world: a.World) -> a.Fault:
        def fault(t: float, samples: a.Samples) -> None:
            samples[own] = share * world.since(samples, a.ROWS)
            if world.is_watched:
                samples[live] = share * world.since(samples, a.WATCHED_IN)

        return fault

    return make


def deciding(share: float) -> Making:
    """Returns a fault that declines a share of the payments more."""

    def make(world: a.World) -> a.Fault:
        def fault(t: float, samples: a.Samples) -> None:
            for source, came in enumerate((a.ROWS, a.WATCHED_IN)[: 1 + world.is_watched]):
                more = share * world.since(samples, came)
                samples[a.DECIDED["decline"][source]] += more
                samples[a.DECIDED["approve"][source]] -= more

        return fault

    return make


def jump(series: a.Series) -> Making:
    """Returns a fault that counts seven, once, at the next report."""
    return lambda world: lambda t, samples: samples.update({series: 7.0 if t >= world.period_s else 0.0})


def given_up(world: a.World) -> a.Fault:
    """Seven messages are given up, a minute after their cause began."""
    return lambda t, samples: samples.update({a.GIVEN_UP: 7.0 if t >= 60 else 0.0})


def blinded(world: a.World) -> a.Fault:
    def fault(t: float, samples: a.Samples) -> None:
        for series in a.of_watcher(samples):
            del samples[series]

    return fault


def untold(world: a.World) -> a.Fault:
    def fault(t: float, samples: a.Samples) -> None:
        for series in a.of_notifier(samples):
            del samples[series]

    return fault


def undelivered(world: a.World) -> a.Fault:
    """A channel's server takes nothing."""
    return lambda t, samples: samples.update({a.WAITS: t})


def unarchived(world: a.World) -> a.Fault:
    def fault(t: float, samples: a.Samples) -> None:
        del samples[a.COPIED], samples[a.TO_COPY]

    return fault


def stalled(world: a.World) -> a.Fault:
    """The archiver's store takes nothing."""
    return lambda t, samples: samples.update({a.COPIED: t})


def waiting_to_be_copied(first: float, by_second: float) -> Making:
    """Returns a fault after which the archiver has so many records before it, and so many more a second."""
    return lambda world: lambda t, samples: samples.update({a.TO_COPY: max(first + by_second * t, 0.0)})
