"""The images are built for two processors: each jar with native code has it for both."""

from pathlib import Path
from zipfile import ZipFile

import pyspark
import pytest

JARS = Path(pyspark.__file__).parent / "jars"
NATIVE = {
    "rocksdbjni-*.jar": ("librocksdbjni-linux64.so", "librocksdbjni-linux-aarch64.so"),
    "zstd-jni-*.jar": ("linux/amd64/libzstd-jni-", "linux/aarch64/libzstd-jni-"),
    "lz4-java-*.jar": ("linux/amd64/liblz4-java.so", "linux/aarch64/liblz4-java.so"),
    "snappy-java-*.jar": ("Linux/x86_64/libsnappyjava.so", "Linux/aarch64/libsnappyjava.so"),
    "onnxruntime-*.jar": ("linux-x64/libonnxruntime4j_jni.so", "linux-aarch64/libonnxruntime4j_jni.so"),
}


@pytest.mark.parametrize("pattern", NATIVE)
def test_a_jar_has_its_native_code_for_amd64_and_arm64(pattern: str) -> None:
    (jar,) = JARS.glob(pattern)
    with ZipFile(jar) as files:
        names = files.namelist()
    assert [part for part in NATIVE[pattern] if not any(part in name for name in names)] == []
