"""Retraining: quality, train, judge, approve, promote, watch; a backtest of the rules beside it.

Each step is a command of this project, and decides by itself: docs/how-to/retrain-with-airflow.md. A step that exits with 5 had
nothing to do, and those behind it are skipped. Any other exit code than 0 stops the run. The next one is a week later.
"""

import json
import os
import shlex
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.providers.standard.sensors.date_time import DateTimeSensor
from airflow.sdk import DAG, BaseOperator, Param
from airflow.sdk.exceptions import AirflowSkipException

FOLDER = Path(os.environ.get("FRAUD_RETRAINING") or Path(__file__).absolute().parent.parent)
"""Where the commands run, and where retraining.yaml and pod.yaml may be. On Kubernetes the chart's ConfigMap is mounted here."""
POD = FOLDER / "pod.yaml"
"""Where it is, each step is this pod."""
PROGRAMS = {
    "train": ("trainer.yaml", "training.train_model"),
    "models": ("trainer.yaml", "training.models"),
    "quality": ("trainer.yaml", "quality"),
    "backtest": ("backtest.yaml", "training.backtest"),
}
"""What `fraud` calls them; their settings and their names in the trainer's pod."""
NOTHING_TO_DO = 5
ANSWER_WITHIN = timedelta(days=3)
AFTER_WHAT_WAS_ASKED_FOR = "none_failed_min_one_success"
"""What comes before may be skipped, but not all of it."""

UNTIL = "(dag_run.data_interval_end or dag_run.run_after).astimezone(utc).replace(hour=0, minute=0, second=0, microsecond=0)"
"""The midnight before the run: repeated a month later, or started twice on one day, it is the same run."""
FOUR_WEEKS = f"({UNTIL} - macros.timedelta(weeks=4)).strftime('%Y-%m-%dT%H:%M:%SZ')"
THE_DAY_BEFORE = f"({UNTIL} - macros.timedelta(days=1)).strftime('%Y-%m-%d')"
VERSION = "(ti.xcom_pull(task_ids='train').version | quote)"
WHO = "(ti.xcom_pull(task_ids='approve') or {}).get('responded_by_user', {'name': 'Airflow, nobody was asked'}).name"

LABELLED = (
    "dag_run.start_date + macros.timedelta("
    "days=params.challenge_days + 1 + ti.xcom_pull(task_ids='train').trained_on.label_delay_days)"
)
"""When the labels of the challenge's days have come; its first day is no whole one."""

QUESTION = "Promote {{ ti.xcom_pull(task_ids='train').version }}?"
SUMMARY = (Path(__file__).parent / "approval.md").read_text(encoding="utf-8")


def step(name: str, command: str, *, asked_by: str | None = None, tells: bool = False, **options: Any) -> BaseOperator:
    """Returns a task that runs `fraud COMMAND`: on a laptop that, on Kubernetes the same in the trainer's pod.

    Args:
        name: Of the task.
        command: With Jinja in it.
        asked_by: The parameter without which the step is skipped.
        tells: The last line that it prints is JSON, for the tasks behind it.
        options: Of every Airflow operator.
    """
    common = {
        "task_id": name,
        "skip_on_exit_code": NOTHING_TO_DO,
        "do_xcom_push": tells,
        "pre_execute": only_if(asked_by) if asked_by else None,
        **options,
    }
    if not POD.exists():
        processor = {"output_processor": json.loads} if tells else {}
        return BashOperator(bash_command=f"fraud {command}", cwd=str(FOLDER), **processor, **common)
    pod = yaml.safe_load(POD.read_text(encoding="utf-8"))
    container = pod["spec"]["containers"][0]
    program, _, rest = command.partition(" ")
    file, module = PROGRAMS[program]
    told = " | tee /airflow/xcom/return.json" if tells else ""
    return KubernetesPodOperator(
        name=f"{pod['metadata']['labels']['app.kubernetes.io/instance']}-{name}",
        pod_template_file=str(POD),
        base_container_name=container["name"],
        arguments=["bash", "-c", f"set -o pipefail; FRAUD_CONFIG=/etc/fraud/{file} python3 -m {module} {rest}{told}"],
        termination_message_policy=container["terminationMessagePolicy"],
        xcom_sidecar_container_security_context=container["securityContext"],
        startup_timeout_seconds=600,
        **common,
    )


def only_if(param: str) -> Callable[[Any], None]:
    """Returns what skips a task where a parameter is false or absent."""

    def check(context: Any) -> None:
        if not context["params"][param]:
            raise AirflowSkipException(f"`{param}` is not asked for")

    return check


def settings() -> dict[str, Any]:
    """Returns what retraining.yaml says: `schedule`, and in `params` other defaults."""
    file = FOLDER / "retraining.yaml"
    given = yaml.safe_load(file.read_text(encoding="utf-8")) if file.exists() else {}
    known = {
        "data": Param("lake", type="string", description="What the archiver has kept: a folder or s3a:// URL"),
        "rules": Param(
            None, type=["null", "string"], description="File with rules to try on the last four weeks; none: no backtest"
        ),
        "challenge_days": Param(0, type="integer", minimum=0, description="How long it first scores beside the champion; 0: not"),
        "approval": Param(False, type="boolean", description="Ask a person before a model is promoted"),
        "watch": Param("1h", type=["null", "string"], description="How long a promotion is watched; none: not at all"),
    }
    for name, value in given.get("params", {}).items():
        known[name].value = value
    return {"schedule": given.get("schedule", "@weekly"), "params": known}


with DAG(
    dag_id="fraud_retraining",
    start_date=datetime(2000, 1, 1, tzinfo=UTC),  # of an older date nothing could be run
    catchup=False,
    max_active_runs=1,
    **settings(),
    user_defined_filters={"quote": shlex.quote},
    user_defined_macros={"utc": UTC},
    doc_md=__doc__,
    tags=["fraud"],
):
    quality = step("quality", f"quality check --data {{{{ params.data | quote }}}} --day {{{{ {THE_DAY_BEFORE} }}}}")
    backtest = step(
        "backtest",
        f"backtest --from {{{{ params.data | quote }}}} --rules {{{{ params.rules | quote }}}} --since {{{{ {FOUR_WEEKS} }}}}",
        asked_by="rules",
    )
    train = step(
        "train",
        f"train --data {{{{ params.data | quote }}}} --until {{{{ {UNTIL}.strftime('%Y-%m-%dT%H:%M:%SZ') }}}} --no-promote --json",
        tells=True,
    )
    judge = step("judge", f"models judge {{{{ {VERSION} }}}}")
    challenge = step("challenge", f"models challenge {{{{ {VERSION} }}}} --by Airflow", asked_by="challenge_days")
    wait = DateTimeSensor(
        task_id="wait",
        target_time=f"{{{{ {LABELLED} }}}}",
        mode="reschedule",
        poke_interval=timedelta(hours=1),
        timeout=timedelta(days=400),
    )
    judge_challenger = step(
        "judge_challenger",
        f"models judge {{{{ {VERSION} }}}} --challenged {{{{ params.challenge_days }}}}d --data {{{{ params.data | quote }}}}",
    )
    approve = ApprovalOperator(
        task_id="approve",
        subject=QUESTION,
        body=SUMMARY,
        defaults=ApprovalOperator.REJECT,
        response_timeout=ANSWER_WITHIN,
        pre_execute=only_if("approval"),
        trigger_rule=AFTER_WHAT_WAS_ASKED_FOR,
    )
    promote = step(
        "promote",
        f"models promote {{{{ {VERSION} }}}} --by {{{{ {WHO} | quote }}}}",
        trigger_rule=AFTER_WHAT_WAS_ASKED_FOR,
    )
    watch = step(
        "watch",
        f"models watch {{{{ {VERSION} }}}} --for {{{{ params.watch | quote }}}} --by {{{{ {WHO} | quote }}}}",
        asked_by="watch",
    )

    quality >> [backtest, train]
    train >> judge >> [challenge, approve, promote]
    challenge >> wait >> judge_challenger >> approve >> promote >> watch
