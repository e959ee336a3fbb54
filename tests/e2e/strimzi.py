"""What Strimzi's operators would do: Secrets with certificates, exactly as they lay them out, rights, topics."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat, pkcs12
from cryptography.x509.oid import NameOID

TIMEOUT_S = 30.0
BETWEEN_WORDS = re.compile("(?<=[a-z])(?=[A-Z])")
"""Strimzi writes `DescribeConfigs` for what Kafka calls DESCRIBE_CONFIGS."""
PASSWORD = "only-for-this-test"  # noqa: S105 of PKCS#12 stores that nobody reads here; Strimzi makes them, so they are there


class Identity(NamedTuple):
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def identity(name: str, authority: Identity | None = None, hosts: tuple[str, ...] = ()) -> Identity:
    """Returns a certificate signed by an authority; without one, an authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority.certificate.subject if authority else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
    )
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
    return Identity(builder.sign(authority.key if authority else key, hashes.SHA256()), key)


def cluster_secret(cluster: str, authority: Identity) -> dict[str, bytes]:
    """Returns the data of `<cluster>-cluster-ca-cert`."""
    store = pkcs12.serialize_java_truststore([pkcs12.PKCS12Certificate(authority.certificate, b"ca.crt")], _locked())
    return {"ca.crt": authority.pem, "ca.p12": store, "ca.password": PASSWORD.encode()}


def user_secret(user: str, clients: Identity) -> dict[str, bytes]:
    """Returns the data of the Secret of a KafkaUser with a certificate. Its ca.crt signs clients, not brokers."""
    own = identity(user, clients)
    store = pkcs12.serialize_key_and_certificates(user.encode(), own.key, own.certificate, [clients.certificate], _locked())
    return {
        "ca.crt": clients.pem,
        "user.crt": own.pem,
        "user.key": own.key_pem,
        "user.p12": store,
        "user.password": PASSWORD.encode(),
    }


def _locked() -> BestAvailableEncryption:
    return BestAvailableEncryption(PASSWORD.encode())


def create_topics(admin: AdminClient, resources: list[dict[str, Any]]) -> None:
    """Creates the topics of KafkaTopic resources."""
    topics = [
        NewTopic(
            spec["topicName"],
            num_partitions=spec["partitions"],
            replication_factor=1,
            config={key: str(value) for key, value in spec["config"].items()},
        )
        for spec in (resource["spec"] for resource in resources)
    ]
    for future in admin.create_topics(topics, operation_timeout=TIMEOUT_S).values():
        future.result()


def grant(admin: AdminClient, resources: list[dict[str, Any]]) -> None:
    """Grants what KafkaUser resources ask for, and nothing else."""
    bindings = [
        AclBinding(
            ResourceType[acl["resource"]["type"].upper()],
            acl["resource"]["name"],
            ResourcePatternType.PREFIXED if acl["resource"]["patternType"] == "prefix" else ResourcePatternType.LITERAL,
            f"User:CN={resource['metadata']['name']}",
            "*",
            AclOperation[BETWEEN_WORDS.sub("_", operation).upper()],
            AclPermissionType.ALLOW,
        )
        for resource in resources
        for acl in resource["spec"]["authorization"]["acls"]
        for operation in acl["operations"]
    ]
    for future in admin.create_acls(bindings).values():
        future.result()
