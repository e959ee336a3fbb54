"""Models that are signed: by whom, and with what; that the detector asks for it is tested beside the kernel."""

import shutil
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from spark_jobs.errors import UnusableKey
from spark_jobs.served_models import model_source
from spark_jobs.settings import S3, Models
from tests.local.test_models import refused, said
from tests.models import MADE_AT, added, description, key_files
from training import train_model
from training.bundle import MANIFEST, MODEL, SIGNATURE, describe
from training.signing import private_key
from training.store import ModelStore
from training.train_settings import TrainSettings

OPENSSL = shutil.which("openssl") or ""
ED25519, EC = Ed25519PrivateKey.generate(), generate_private_key(SECP256R1())
SPKI = PublicFormat.SubjectPublicKeyInfo
DER = ED25519.public_key().public_bytes(Encoding.DER, SPKI)
PASSWORD = BestAvailableEncryption(b"s3cret")
NONE = {
    "a private key": ED25519.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    "a public key": ED25519.public_key().public_bytes(Encoding.PEM, SPKI),
    "a private key with a password": ED25519.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, PASSWORD),
    "a private key of another kind": EC.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    "a public key of another kind": EC.public_key().public_bytes(Encoding.PEM, SPKI),
    "a public key that is no PEM": DER,
    "a public key for another purpose": X25519PrivateKey.generate().public_key().public_bytes(Encoding.PEM, SPKI),
    "a public key that was cut off": b"-----BEGIN PUBLIC KEY-----\n%s\n-----END PUBLIC KEY-----\n" % b64encode(DER[:-1]),
    "nothing": b"",
}


@pytest.fixture
def store(home: Path) -> ModelStore:
    return ModelStore(str(home / ".fraud" / "models"), S3())


def test_a_person_signs_what_is_there(home: Path, store: ModelStore) -> None:
    version = added(store).version
    bundle = home / ".fraud" / "models" / version
    private, _ = key_files(home)
    assert f"{version} is signed" in said("sign", version, "--key", str(private))
    public = private_key(private).public_key()
    public.verify((bundle / SIGNATURE).read_bytes(), (bundle / MANIFEST).read_bytes())
    assert store.files(version).keys() == {MODEL}, "the bundle is what it was"

    other, _ = key_files(home)
    said("sign", version, "--key", str(other))
    with pytest.raises(InvalidSignature):
        public.verify((bundle / SIGNATURE).read_bytes(), (bundle / MANIFEST).read_bytes())
    (bundle / MODEL).write_bytes(b"another model")
    assert "is not the one that was added" in refused("sign", version, "--key", str(private)), "nobody signs what has changed"


@pytest.mark.skipif(not OPENSSL, reason="openssl is not in PATH")
def test_openssl_checks_a_signature_as_the_page_says(home: Path, store: ModelStore) -> None:
    private, public = home / "private.pem", home / "public.pem"
    subprocess.run([OPENSSL, "genpkey", "-algorithm", "ed25519", "-out", private], check=True)
    subprocess.run([OPENSSL, "pkey", "-in", private, "-pubout", "-out", public], check=True)
    files = {MODEL: b"any bytes"}
    manifest = describe("xgboost", description(), files, MADE_AT)
    store.add(manifest, files, key=private_key(private))
    bundle = home / ".fraud" / "models" / manifest.version
    check = ["-verify", "-rawin", "-pubin", "-inkey", public, "-in", bundle / MANIFEST, "-sigfile", bundle / SIGNATURE]
    assert "Verified" in subprocess.run([OPENSSL, "pkeyutl", *check], check=True, capture_output=True, text=True).stdout
    source = model_source(Models(store=store.place, public_key_file=public))
    assert source
    assert source.public_key
    assert source.public_key in public.read_text()


@pytest.mark.parametrize("what", NONE)
def test_what_is_no_key_is_told_before_anything_is_done(home: Path, what: str) -> None:
    file = home / "key.pem"
    file.write_bytes(NONE[what])
    if what != "a private key":
        with pytest.raises(UnusableKey, match="is no Ed25519 private key in PEM without a password"):
            train_model.run(TrainSettings(data="nowhere", store=str(home / "models"), signing_key_file=file))
    if what != "a public key":
        with pytest.raises(UnusableKey, match="is no Ed25519 public key in PEM"):
            model_source(Models(store="models", public_key_file=file))


def test_a_key_that_is_not_there_is_told(home: Path, store: ModelStore) -> None:
    assert "cannot be read: No such file" in refused("sign", added(store).version, "--key", "nowhere.pem")
    with pytest.raises(UnusableKey, match=r"nowhere\.pem cannot be read: No such file"):
        model_source(Models(store="models", public_key_file=Path("nowhere.pem")))
