"""Which Java to start: Spark and Kafka both need one."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from configuration.errors import FraudDetectionError

AT_LEAST = 17
ADVICE = f"Install a JDK {AT_LEAST} or newer (Debian: openjdk-17-jdk-headless) and set JAVA_HOME to it or put its bin in PATH."


class NoJava(FraudDetectionError):
    """No Java, or one that is too old."""


def find_java() -> str:
    """Returns the path of the Java that JAVA_HOME names, else of the first in PATH.

    Raises:
        NoJava: there is none, or it is older than 17.
    """
    home = os.environ.get("JAVA_HOME")
    java = f"{home}/bin/java" if home else shutil.which("java")
    if java is None or not Path(java).is_file():
        raise NoJava("JAVA_HOME holds no bin/java" if home else "No Java is found: JAVA_HOME is not set, PATH has no java", ADVICE)
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(?:1\.)?(\d+)', told)
    if version is None or int(version[1]) < AT_LEAST:
        raise NoJava(f"Java {AT_LEAST} or newer is needed, {java} is {version[1] if version else 'of unknown version'}", ADVICE)
    return java
