"""Where models are kept: a folder or an S3 prefix, in it a folder for each version, and a pointer for each role."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from configuration import FraudDetectionError
from spark_jobs.errors import UnusableModel
from spark_jobs.features import FEATURE_SET, MODEL_INPUTS
from spark_jobs.settings import S3
from training.audit import Audit
from training.bundle import MANIFEST, SIGNATURE, VERSION, Manifest, Pointer, Role, sha256
from training.files import Files, UnusableStore

REPORT = "report.json"
"""For people, and for the gate: what the trainer found. No manifest pins it."""


class NoSuchModel(FraudDetectionError):
    """The store has no version of this name."""


class VersionExists(FraudDetectionError):
    """The store has this version already, and versions never change."""


class RoleRefused(FraudDetectionError):
    """A version may not become champion or challenger."""


class ModelStore:
    """Versions and pointers in a folder, or under s3a://bucket/prefix. All methods raise UnusableStore where it cannot be reached.

    Who is killed while writing leaves nothing that a reader could take for whole: in a folder a version is renamed into its place,
    in S3 its manifest comes last. A pointer is replaced in one step.
    """

    def __init__(self, place: str, s3: S3) -> None:
        self.place = place
        self._files = Files(place, s3)
        self.audit = Audit(self._files)

    def versions(self) -> list[Manifest]:
        """Returns the manifests of all versions, newest first.

        Raises:
            UnusableModel: one of them cannot be read.
        """
        names = filter(VERSION.fullmatch, self._files.folders())
        found = [_manifest(name, content) for name in names if (content := self._files.read(f"{name}/{MANIFEST}")) is not None]
        return sorted(found, key=lambda one: (one.created_at, one.version), reverse=True)

    def manifest(self, version: str) -> Manifest:
        """Returns the manifest of a version; its files are not looked at.

        Raises:
            NoSuchModel, UnusableModel.
        """
        return _manifest(version, self._pinning(version))

    def files(self, version: str) -> dict[str, bytes]:
        """Returns the version's files by name, each as its manifest has pinned it.

        Raises:
            NoSuchModel, UnusableModel.
        """
        found = {}
        for name, expected in self.manifest(version).files.items():
            content = self._files.read(f"{version}/{name}")
            if content is None or sha256(content) != expected:
                what = "is missing" if content is None else "is not the one that was added"
                raise UnusableModel(f"{name} of {version} {what}", "Add the model anew, or promote another version.")
            found[name] = content
        return found

    def report(self, version: str) -> bytes | None:
        """Returns the version's report.json; None where it has none."""
        return self.beside(version, REPORT)

    def beside(self, version: str, name: str) -> bytes | None:
        """Returns one of the files for people that the version has beside its report; None where it has no such file."""
        return self._files.read(f"{version}/report/{name}")

    def pictures(self, version: str) -> list[str]:
        """Returns the names of the pictures among them."""
        return [one for one in self._files.names(f"{version}/report") if one.endswith(".png")]

    def report_path(self, version: str) -> str:
        """Returns where its report is."""
        return f"{self.place.rstrip('/')}/{version}/report/{REPORT}"

    def alone(self) -> AbstractContextManager[None]:
        """Lets one program at a time change roles, where the store is a folder."""
        return self._files.alone()

    def require_usable(self, version: str) -> Manifest:
        """Returns the manifest of a version that this program's detector can load.

        Raises:
            NoSuchModel, UnusableModel.
        """
        manifest = self.manifest(version)
        require_features(manifest)
        self.files(version)
        return manifest

    def add(
        self,
        manifest: Manifest,
        files: Mapping[str, bytes],
        report: Mapping[str, bytes] | None = None,
        key: Ed25519PrivateKey | None = None,
    ) -> None:
        """Adds a version; on return it is there, before that it is not. `report` has files for people, which no manifest pins.

        With a `key` it is signed.

        Two that add the same version to S3 at once may both succeed: its name has its model's hash, so the model is the same.

        Raises:
            VersionExists.
            UnusableModel: the files are not those of the manifest, or this program has not all of the features.
        """
        version = manifest.version
        require_features(manifest)
        if {name: sha256(content) for name, content in files.items()} != manifest.files:
            raise UnusableModel(f"The files of {version} are not those of its manifest", "Describe them anew.")
        if self._files.read(f"{version}/{MANIFEST}") is not None:
            raise VersionExists(f"{self.place} has {version} already", "A version never changes; add another model.")
        self._files.sweep()
        beside = {f"report/{name}": content for name, content in (report or {}).items()}
        content = manifest.to_json()
        signature = {SIGNATURE: key.sign(content)} if key else {}
        self._files.write_folder(version, {**beside, **files, **signature, MANIFEST: content})

    def sign(self, version: str, key: Ed25519PrivateKey) -> None:
        """Signs a version that is here, its files being those of its manifest; a signature that it has is replaced.

        Raises:
            NoSuchModel, UnusableModel.
        """
        self.files(version)
        self._files.write(f"{version}/{SIGNATURE}", key.sign(self._pinning(version)))

    def pointer(self, role: Role) -> Pointer | None:
        """Returns who has the role, if anybody has.

        Raises:
            UnusableStore: the pointer is none.
        """
        content = self._files.read(f"{role}.json")
        try:
            return None if content is None else Pointer.from_json(content)
        except ValueError as error:
            raise UnusableStore(f"{role}.json in {self.place} is wrong: {error}", "Remove it, and name a version anew.") from None

    def pointed(self, role: Role) -> Manifest | None:
        """Returns the manifest of who has the role, if anybody has: the very one that its pointer pins.

        Raises:
            NoSuchModel, UnusableModel.
        """
        pointer = self.pointer(role)
        if pointer is None:
            return None
        content = self._pinning(pointer.version)
        if sha256(content) != pointer.manifest_sha256:
            raise UnusableModel(
                f"{MANIFEST} of {pointer.version} has changed since it became {role}",
                "Add the model anew, or promote another version.",
            )
        return _manifest(pointer.version, content)

    def point(self, role: Role, version: str, reason: str) -> Pointer:
        """Returns the role's pointer, now at this version, written anew if it was there already. A champion is no challenger.

        Raises:
            NoSuchModel.
            UnusableModel: the detector would refuse it.
            RoleRefused: the champion cannot challenge itself.
        """
        before, champion = self.pointer(role), self.pointer("champion")
        if role == "challenger" and champion and champion.version == version:
            raise RoleRefused(f"{version} is the champion", "Name another version: `fraud models list`.")
        if before and before.version == version:
            self.pointed(role)
            return self._point(role, version, reason, before.previous)
        return self._point(role, version, reason, before.version if before else None)

    def roll_back(self, reason: str) -> Pointer:
        """Returns the champion's pointer, now where it pointed before, and with no way further back: twice does not undo it.

        Raises:
            RoleRefused: there is nothing to go back to.
            NoSuchModel, UnusableModel: as point.
        """
        champion = self.pointer("champion")
        if champion is None or champion.previous is None:
            why = "There is no champion" if champion is None else f"No champion before {champion.version} is known"
            raise RoleRefused(why, "Choose a version: `fraud models list`, then `fraud models promote VERSION`.")
        return self._point("champion", champion.previous, reason, None)

    def clear(self, role: Role) -> Pointer | None:
        """Returns who had the role, if anybody had; now nobody has it."""
        before = self.pointer(role)
        if before:
            self._files.remove(f"{role}.json")
        return before

    def _point(self, role: Role, version: str, reason: str, previous: str | None) -> Pointer:
        self.require_usable(version)
        challenger = self.pointer("challenger")
        pointer = Pointer(
            version=version,
            manifest_sha256=sha256(self._pinning(version)),
            promoted_at=datetime.now(UTC).replace(microsecond=0),
            reason=reason,
            previous=previous,
        )
        self._files.write(f"{role}.json", pointer.to_json())
        if role == "champion" and challenger and challenger.version == version:
            self.clear("challenger")
        return pointer

    def _pinning(self, version: str) -> bytes:
        """Returns the bytes of the version's manifest, which a pointer pins."""
        content = self._files.read(f"{version}/{MANIFEST}") if VERSION.fullmatch(version) else None
        if content is None:
            raise NoSuchModel(f"{self.place} has no model {version}", "`fraud models list` names those that it has.")
        return content


def _manifest(version: str, content: bytes) -> Manifest:
    advice = "Promote another version, or use the program that wrote it."
    try:
        manifest = Manifest.from_json(content)
    except ValueError as error:
        raise UnusableModel(f"{MANIFEST} of {version} is wrong: {error}", advice) from None
    if manifest.version != version:
        raise UnusableModel(f"The folder {version} has the manifest of {manifest.version}", advice)
    return manifest


def require_features(manifest: Manifest) -> None:
    """Checks that this program computes the features of a model.

    Raises:
        UnusableModel: it does not.
    """
    unknown = [f"the feature {name}" for name in manifest.features if name not in MODEL_INPUTS]
    if manifest.feature_set != FEATURE_SET:
        unknown.append(f"the feature set {manifest.feature_set}")
    if unknown:
        raise UnusableModel(
            f"{manifest.version} needs {unknown[0]}; this program has the feature set {FEATURE_SET}",
            "`fraud features` lists it. Train the model anew with this program, or use the program that made it.",
        )
