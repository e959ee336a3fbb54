"""Roles change here, and whatever changes them is in the audit: who, when, why, and by which report."""

from typing import NamedTuple

from training.audit import Action, Event, Mark, Report, now
from training.bundle import Pointer
from training.gate import Refused, Verdict
from training.store import ModelStore, RoleRefused


class Promotion(NamedTuple):
    """A version that is champion."""

    pointer: Pointer
    is_new: bool
    """False: it was champion before."""


def promote(store: ModelStore, verdict: Verdict, by: str, reason: str | None = None, report: Report | None = None) -> Promotion:
    """Makes a version champion that the gate lets pass. One that is champion already stays so, and its audit is completed.

    Two that promote one version at once make one promotion. `report` is what the decision rests on; None: the version's own.

    Raises:
        Refused: the gate does not let it pass; that is in the audit too.
        UnusableModel: the detector would refuse it.
    """
    report = report or verdict.report
    champion = store.pointer("champion")
    if champion is None or champion.version != verdict.version:
        try:
            verdict.require()
        except Refused:
            _keep(store, "refused", verdict.version, by, verdict.sentence, report=report)
            raise
    return force(store, verdict.version, by, reason or verdict.compared, report)


def force(store: ModelStore, version: str, by: str, reason: str, report: Report | None) -> Promotion:
    """Makes a version champion without asking the gate.

    Raises:
        NoSuchModel.
        UnusableModel: the detector would refuse it.
    """
    with store.alone():
        before = store.pointer("champion")
        is_new = before is None or before.version != version
        if is_new:
            store.point("champion", version, reason)
        pointer = _champion(store)  # on S3 whoever was last
        # Who was killed in between finds its promotion without an event; one that a rollback has brought back has another.
        known = any(one.at == pointer.promoted_at and one.champion == pointer.version for one in store.audit.events())
        if is_new or not known:
            _keep(store, "promoted", pointer.version, by, pointer.reason, report=report, of=pointer)
    return Promotion(pointer, is_new)


def roll_back(store: ModelStore, by: str, reason: str | None = None) -> Pointer:
    """Makes the champion's predecessor champion again.

    Raises:
        RoleRefused: there is nothing to go back to.
        NoSuchModel, UnusableModel: it is broken.
    """
    with store.alone():
        left = store.pointer("champion")
        pointer = store.roll_back(reason or (f"Rolled back from {left.version}" if left else ""))
        if left:
            _keep(store, "rolled_back", left.version, by, pointer.reason, of=pointer)
    return pointer


def take_back(store: ModelStore, version: str, by: str, reason: str) -> Pointer:
    """Marks a version, so that it is never proposed again, and makes its predecessor champion; what was begun before is completed.

    Returns the champion's pointer: where somebody has promoted another one meanwhile, that stays.

    Raises:
        RoleRefused: there is nothing to go back to. The mark stays.
        NoSuchModel, UnusableModel: as roll_back.
    """
    with store.alone():
        mark = store.audit.marked(version) or Mark(version=version, at=now(), by=by, reason=reason)
        store.audit.mark(mark)
        _keep(store, "marked", version, mark.by, mark.reason, of=mark)
        champion = _champion(store)
        if champion.version == version:
            champion = store.roll_back(_left(version, reason))
        if champion.reason.startswith(_left(version, "")):
            _keep(store, "rolled_back", version, by, champion.reason, of=champion)
    return champion


def challenge(store: ModelStore, version: str, by: str, reason: str) -> Pointer:
    """Lets a version score beside the champion. One that does already goes on, and its audit is completed.

    Raises:
        RoleRefused: it is the champion.
        NoSuchModel, UnusableModel: the detector would refuse it.
    """
    with store.alone():
        pointer = store.pointer("challenger")
        if pointer is None or pointer.version != version:
            pointer = store.point("challenger", version, reason)
        _keep(store, "challenged", version, by, reason, of=pointer)
    return pointer


def end_challenge(store: ModelStore, by: str, reason: str) -> Pointer | None:
    """Returns who was challenger, if anybody was; now nobody is."""
    with store.alone():
        left = store.clear("challenger")
        if left:
            _keep(store, "ended", left.version, by, reason)
    return left


def _left(version: str, reason: str) -> str:
    return f"Rolled back from {version}: {reason}"


def _keep(
    store: ModelStore,
    action: Action,
    version: str,
    by: str,
    reason: str,
    *,
    report: Report | None = None,
    of: Pointer | Mark | None = None,
) -> None:
    """Adds an event to the audit; `of` is what the action has written."""
    champion = store.pointer("champion")
    event = Event(
        action=action,
        version=version,
        at=now() if of is None else of.at if isinstance(of, Mark) else of.promoted_at,
        by=by,
        reason=reason,
        champion=champion.version if champion else None,
        report=report,
    )
    store.audit.add(event, of)


def _champion(store: ModelStore) -> Pointer:
    pointer = store.pointer("champion")
    if pointer is None:
        raise RoleRefused("There is no champion", "Choose a version: `fraud models list`, then `fraud models promote VERSION`.")
    return pointer
