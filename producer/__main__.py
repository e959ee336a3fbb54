"""`python -m producer run` sends traffic to Kafka; `dataset`, `import`, `topics` and `probe` stand beside it; all know `--help`."""

import json
import sys
from collections.abc import Sequence

import structlog

from configuration import FraudDetectionError, report
from producer import dataset, run
from producer.imports import history, summary
from producer.imports.proposals import as_yaml
from producer.imports.settings import ImportSettings
from producer.probe import ProbeSettings, probe
from producer.settings import DatasetSettings, RunSettings, TopicSettings
from producer.topics import create_topics

USAGE = """\
usage: python -m producer run [OPTIONS]       send card traffic to Kafka
       python -m producer dataset [OPTIONS]   write it to Parquet
       python -m producer import FILE...      write a CSV history of other people's to Parquet
       python -m producer topics [OPTIONS]    create the topics
       python -m producer probe [OPTIONS]     send one marked transaction and wait for its alert
Each lists its options with --help.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 done or stopped, 1 an error, 2 no such program."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    program, *rest = (sys.argv[1:] if arguments is None else arguments) or [""]
    try:
        if program == "run":
            run_settings = RunSettings.load(rest, "python -m producer run")
            _tell(run.run(run_settings), run_settings.json_summary)
        elif program == "dataset":
            dataset_settings = DatasetSettings.load(rest, "python -m producer dataset")
            _tell(dataset.write(dataset_settings), dataset_settings.json_summary)
        elif program == "import":
            _import(ImportSettings.load(rest, "fraud import"))
        elif program == "topics":
            topic_settings = TopicSettings.load(rest, "python -m producer topics")
            created = create_topics(topic_settings.kafka, topic_settings.topics.specs(topic_settings.partitions))
            sys.stderr.write(f"created {', '.join(created) or 'nothing: all topics exist'}\n")
        elif program == "probe":
            heard = probe(ProbeSettings.load(rest, "python -m producer probe"))
            sys.stdout.write(f"{heard}\n")
        else:
            asked = program in ("-h", "--help")
            (sys.stdout if asked else sys.stderr).write(USAGE)
            return 0 if asked else 2
    except FraudDetectionError as error:
        return report(error)
    except KeyboardInterrupt:
        return 130
    return 0


def _import(settings: ImportSettings) -> None:
    if settings.show_mapping:
        sys.stdout.write(as_yaml(history.proposal(settings)))
        return
    account = history.read(settings)
    if settings.json_summary:
        sys.stdout.write(json.dumps(account.json()) + "\n")
    else:
        summary.show(account)


def _tell(counts: dict[str, float], as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(counts) + "\n")
    else:
        sys.stderr.write(", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in counts.items()) + "\n")


if __name__ == "__main__":
    sys.exit(main())
