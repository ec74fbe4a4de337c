"""Files of attendance 签到名单: one row, one person at one activity; bad rows are named, the others kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tuoqi.kit.database import Tx
from tuoqi.kit.rpc.tables import ChunkOutcome, LoadContext
from tuoqi.kit.tables import Column, ParsedRow, Problem
from tuoqi.visits.domain.activities import ActivityRules, ActivityState
from tuoqi.visits.jobs.activities import ActivityDesk, not_born
from tuoqi.visits.jobs.naming import NAME_COLUMNS, identify_rows, text_of
from tuoqi.visits.peers import People
from tuoqi.visits.store.activities import activities_by_number
from tuoqi.visits.store.attendance import Presence
from tuoqi.visits.store.records import known_people

NUMBER: Final = Column(
    "activity", "活动编号", required=True, pattern="[A-Za-z0-9][A-Za-z0-9-]{0,39}", pattern_zh="应为字母、数字和短横"
)


class AttendanceImporter:
    """Takes files of the kind `attendance`; loaded again they change nothing."""

    kind: Final = "attendance"

    def __init__(self, desk: ActivityDesk, people: People, rules: ActivityRules) -> None:
        self._desk = desk
        self._people = people
        self._roles = rules.roles
        self._first = next((role.code for role in rules.roles.values() if role.counts), "")
        choices = {code: role.name for code, role in rules.roles.items()}
        self.columns = (NUMBER, *NAME_COLUMNS, Column("role", "身份", "code", choices=choices))

    async def load(self, tx: Tx, rows: Sequence[ParsedRow], ctx: LoadContext) -> ChunkOutcome:
        """Take names; a later row of the same person and activity counts. Raises auth.no_right."""
        ctx.actor.require("activity.record")
        outcome = ChunkOutcome()
        named = await identify_rows(self._people, rows, outcome)
        activities = await activities_by_number(tx, [text_of(row, NUMBER.key) for row, _, _ in named])
        people = await known_people(tx, [person_id for _, _, person_id in named])
        taken: dict[tuple[str, str], Presence] = {}
        fitting = 0
        for row, column, person_id in named:
            number = text_of(row, NUMBER.key)
            activity, person = activities.get(number), people.get(person_id)
            problem: Problem | None = None
            if activity is None or not ctx.actor.may_act_in(activity.region):
                problem = NUMBER.problem(row.number, number, "没有这项活动，或不在经办人负责的区划内。")
            elif activity.state != ActivityState.HELD:
                problem = NUMBER.problem(row.number, number, "活动尚未举行或已取消。")
            elif person is None or not ctx.actor.may_act_in(person.region):
                problem = column.problem(row.number, text_of(row, column.key), "此人不在经办人负责的区划内。")
            elif not_born(person, activity.day):
                problem = column.problem(row.number, text_of(row, column.key), "活动早于此人的出生日期。")
            if problem is not None or activity is None or person is None:
                outcome.problems += [problem] if problem else []
                continue
            fitting += 1
            role = self._roles[text_of(row, "role") or self._first]
            one = Presence(activity.activity_id, person_id, role.code, role.counts, person.region)
            taken[one.key] = one
        by_id = {row.activity_id: row for row in activities.values()}
        outcome.changed = await self._desk.take(tx, by_id, list(taken.values()), ctx.at, ctx.actor)
        outcome.unchanged = fitting - outcome.changed
        return outcome
