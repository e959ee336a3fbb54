"""What Maven prints where nobody sees colours."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
POMS = ["kernel/pom.xml", "local/kafka/pom.xml", "local/s3/pom.xml", "spark_jobs/connector/pom.xml", "spark_jobs/s3/pom.xml"]


@pytest.mark.parametrize("pom", POMS)
def test_maven_prints_no_colour_codes_into_a_pipe(pom: str) -> None:
    ask = ["make", "--silent", "--eval", f"maven: ; @$(MVN) -f {pom} --version", "maven"]
    done = subprocess.run(ask, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip()
    assert "\x1b" not in done.stdout + done.stderr


def test_an_image_is_built_with_the_same_options_of_maven() -> None:
    lines = (ROOT / "images" / "spark" / "Dockerfile").read_text().splitlines()
    called = next(number for number, line in enumerate(lines) if "mvn --quiet" in line)
    assert "COPY .mvn /build/.mvn" in lines[:called]
