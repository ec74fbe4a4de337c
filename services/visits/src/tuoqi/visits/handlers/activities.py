"""What becomes of an activity 活动: planned, held, corrected, cancelled, and how many came by name."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tuoqi.contracts.visits.v1 import activity_pb2 as pb
from tuoqi.kit.context import Context
from tuoqi.kit.errors import TuoqiError
from tuoqi.visits.domain.activities import Activity, ActivityState, Said


@dataclass(frozen=True, slots=True)
class Say:
    """What somebody says of an activity; `kind` and `campaign` are as they were where they are empty."""

    activity_id: str
    number: str
    kind: str
    campaign: str
    said: Said
    state: ActivityState
    has_reason: bool


@dataclass(frozen=True, slots=True)
class Named:
    """The list of names has changed by so many who count."""

    by: int


def on_say(activity: Activity | None, command: Say, ctx: Context) -> Activity:
    """The next edition; what was said already changes nothing. Raises visits.activity_… where it does not fit."""
    if activity is None:
        if not command.kind:
            raise TuoqiError("visits.activity_unknown", number=command.number)
        made = Activity(
            activity_id=command.activity_id,
            number=command.number,
            kind=command.kind,
            campaign=command.campaign,
            said=command.said,
            state=command.state,
            recorded_by=ctx.actor,
            recorded_at=ctx.at,
        )
        return _tell(made, ctx)
    if command.kind not in ("", activity.kind) or command.campaign not in ("", activity.campaign):
        raise TuoqiError("visits.activity_differs", number=command.number)
    if (activity.said, activity.state) == (command.said, command.state):
        return activity
    if activity.state is not ActivityState.PLANNED:
        if command.state is ActivityState.PLANNED:
            raise TuoqiError("visits.activity_differs", number=command.number)
        if not command.has_reason:
            raise TuoqiError("visits.activity_needs_reason", number=command.number)
    return _tell(activity.say(command.said, command.state, ctx.actor, ctx.at), ctx)


def on_named(activity: Activity | None, command: Named, ctx: Context) -> Activity:
    """The list of names is another one."""
    if activity is None or activity.state is not ActivityState.HELD:
        raise TuoqiError("visits.activity_not_held", number=activity.number if activity else "")
    activity = replace(activity, named=activity.named + command.by)
    ctx.emit(pb.AttendanceRecorded(activity_id=activity.activity_id, people=activity.named))
    return activity


def _tell(activity: Activity, ctx: Context) -> Activity:
    said, place = activity.said, {"activity_id": activity.activity_id}
    if activity.state is ActivityState.CANCELLED:
        ctx.emit(pb.ActivityCancelled(edition=activity.edition, **place))
        return activity
    about = place | {
        "kind": activity.kind,
        "campaign": activity.campaign,
        "region": said.region,
        "day": said.day.isoformat(),
    }
    if activity.state is ActivityState.PLANNED:
        ctx.emit(pb.ActivityPlanned(**about))
        return activity
    ctx.emit(
        pb.ActivityHeld(
            **about,
            edition=activity.edition,
            others=said.others.number,
            others_approximate=said.others.approximate,
            materials=said.materials.number,
            materials_approximate=said.materials.approximate,
            places=said.places.number,
            places_approximate=said.places.approximate,
        )
    )
    return activity
