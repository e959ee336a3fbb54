"""The private key that signs models. The detector, which has the public one, checks what is signed: docs/adr/0038."""

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from spark_jobs.errors import UnusableKey


def private_key(file: Path) -> Ed25519PrivateKey:
    """Returns the key in a PEM file, PKCS #8 without a password.

    Raises:
        UnusableKey: it cannot be read, or is none.
    """
    advice = "Name the private key of `openssl genpkey -algorithm ed25519`: docs/how-to/promote-a-model.md."
    try:
        key = load_pem_private_key(file.read_bytes(), password=None)
    except OSError as error:
        raise UnusableKey(f"The key {file} cannot be read: {error.strerror}", advice) from None
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it has a password
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise UnusableKey(f"{file} is no Ed25519 private key in PEM without a password", advice)
    return key
