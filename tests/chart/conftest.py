"""Every values file on every runtime, rendered once."""

import itertools

import pytest

from charts.render import EXAMPLE_ARGUMENTS, OVERLAYS, RUNTIMES
from tests.chart.manifests import Object, objects

COMBINATIONS = {
    **{
        f"{overlay}-{runtime}": ("--values", f"values-{overlay}.yaml", "--set", f"runtime={runtime}")
        for overlay, runtime in itertools.product(OVERLAYS, RUNTIMES)
    },
    **{f"dev-and-{overlay}": ("--values", "values-dev.yaml", "--values", f"values-{overlay}.yaml") for overlay in OVERLAYS[:3]},
    "defaults": (),
    "delta": EXAMPLE_ARGUMENTS["delta"],
    "strimzi": EXAMPLE_ARGUMENTS["strimzi"],
    "models-and-strimzi": (*EXAMPLE_ARGUMENTS["strimzi"], "--values", "values-models.yaml"),
    "models-and-s3": ("--values", "values-s3.yaml", "--values", "values-models.yaml", "--set", "models.store=s3a://fraud/models"),
}


@pytest.fixture(params=COMBINATIONS)
def rendered(request: pytest.FixtureRequest) -> tuple[Object, ...]:
    return objects(*COMBINATIONS[request.param])
