"""The chart, rendered: for the tests, and into examples/ for who reads a diff: `python -m charts.render` writes those."""

import shutil
import subprocess

from charts.derived import CHART

EXAMPLES = CHART / "examples"
OVERLAYS = ("console", "kafka-alerts", "s3", "dev", "prod", "models", "postgres")
RUNTIMES = ("kubeflow", "apache", "none", "ilum")
EXAMPLE_ARGUMENTS: dict[str, tuple[str, ...]] = {
    **{overlay: ("--values", f"values-{overlay}.yaml") for overlay in OVERLAYS},
    **{
        runtime: ("--values", "values-console.yaml", "--set", f"runtime={runtime}") for runtime in RUNTIMES if runtime != "kubeflow"
    },
    "delta": ("--values", "values-s3.yaml", "--set", "archive.config.sinks.lake.type=delta"),
    "openshift": ("--values", "values-console.yaml", "--values", "values-openshift.yaml"),
    "models-none": ("--values", "values-models.yaml", "--set", "runtime=none"),
    "strimzi": (
        *("--values", "values-console.yaml"),
        *("--set", "kafka.securityProtocol=SASL_SSL", "--set", "kafka.strimzi.cluster=fraud"),
        *("--set", "kafka.strimzi.createCluster=true", "--set", "kafka.strimzi.createUsers=true"),
    ),
}
"""Every values file on the default runtime; the demo on every other, and OpenShift; a lake of Delta tables; models without an
operator; a Kafka of the chart's own."""


def helm(*arguments: str, values: str | None = None) -> subprocess.CompletedProcess[str]:
    """Returns what helm did, in the chart's folder; `values` are read as a further values file."""
    program = shutil.which("helm")
    if program is None:
        raise FileNotFoundError("helm is not in PATH: `make chart-tools` installs it")
    more = () if values is None else ("--values", "-")
    return subprocess.run([program, *arguments, *more], cwd=CHART, input=values, capture_output=True, text=True, check=False)


def render(*arguments: str, values: str | None = None, release: str = "fraud") -> str:
    """Returns the manifests of a release.

    Raises:
        ValueError: the chart refuses; the text is what helm said.
    """
    done = helm("template", release, ".", "--namespace", "payments", *arguments, values=values)
    if done.returncode:
        raise ValueError(done.stderr)
    return done.stdout


def main() -> None:
    """Writes examples/<name>/rendered.yaml."""
    shutil.rmtree(EXAMPLES, ignore_errors=True)
    for name, arguments in EXAMPLE_ARGUMENTS.items():
        folder = EXAMPLES / name
        folder.mkdir(parents=True)
        (folder / "rendered.yaml").write_text(
            f"# helm template fraud . --namespace payments {' '.join(arguments)}\n{render(*arguments)}"
        )


if __name__ == "__main__":
    main()
