"""The named errors of the jobs. Each is one paragraph for its reader: what happened, and what to do."""

from configuration import FraudDetectionError


class MissingConnector(FraudDetectionError):
    """Jars that the job needs are not on Spark's class path."""


class InvalidRule(FraudDetectionError):
    """A rule does not parse, names an unknown column, or is no yes-or-no question about one transaction."""


class InvalidMapping(FraudDetectionError):
    """The source of a field, a condition or a path under `input` cannot be used."""


class UnusableRegistry(FraudDetectionError):
    """The schema registry cannot be reached, or does not let us in."""


class UnusableKey(FraudDetectionError):
    """A key that a setting names cannot be read, or is none of its kind: that of token_of, or one that signs models."""


class UnusableModel(FraudDetectionError):
    """The champion or the challenger in the model store cannot be trusted or does not fit the detector."""


class UnusableCheckpoint(FraudDetectionError):
    """The checkpoint cannot be read or written, or belongs to something else."""


class UnreachableCluster(FraudDetectionError):
    """The API server of Kubernetes does not answer."""


class CheckpointInUse(FraudDetectionError):
    """Another program works on the checkpoint."""


class NoHistory(FraudDetectionError):
    """The checkpoint's state has nothing of a key, or nothing at all."""


class ArchiveBehind(FraudDetectionError):
    """An archive does not have all that the detector has published."""


class InvalidFeature(FraudDetectionError):
    """A feature's definition is wrong; found when `spark_jobs.features` is imported."""


class RecordsExpired(FraudDetectionError):
    """Kafka no longer has records that the stream has not read."""


class UnusableTopic(FraudDetectionError):
    """A topic is not the one that the checkpoint has read, or cannot take what we write."""


class UnusableFolder(FraudDetectionError):
    """The folder for logs cannot be made."""


class FilesNotLoaded(FraudDetectionError):
    """Some files of payments cannot be brought to Kafka, or Kafka does not take them."""


class UnreadableRecord(FraudDetectionError):
    """A record of a topic cannot be read, or was read already and cannot be stepped over."""


class SparkFailed(FraudDetectionError):
    """Spark did not start, or could not do what it was asked to."""


class UnusableStorage(FraudDetectionError):
    """An S3 bucket cannot be reached, or does not let us in."""


class FullVolume(FraudDetectionError):
    """A volume has no room left."""


class OutOfMemory(FraudDetectionError):
    """Java has too little memory."""


class NotOurs(UnusableStorage):
    """A path belongs to another checkpoint."""


class LakeBusy(FraudDetectionError):
    """Others have changed a Delta table meanwhile, so that a change of ours does not fit any more."""


class NothingToMaintain(FraudDetectionError):
    """The archiver has no Delta tables."""


class UnusableDatabase(FraudDetectionError):
    """A database cannot be reached, does not let us in, or refuses what is written."""


class NewerDatabase(FraudDetectionError):
    """A database has been migrated by a newer program."""


class TooFewSlots(FraudDetectionError):
    """Real-time mode needs one task slot for each task, all at once."""


class QueryFailed(FraudDetectionError):
    """The streaming query ended with an error."""
