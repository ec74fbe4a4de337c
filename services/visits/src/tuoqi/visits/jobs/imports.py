"""Visit records from files 探访记录: rows become forms, their people are asked of the registry, then they are taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tuoqi.kit.commands import Commander
from tuoqi.kit.database import Tx
from tuoqi.kit.rpc.tables import ChunkOutcome, LoadContext
from tuoqi.kit.tables import ParsedRow, Problem
from tuoqi.visits import store
from tuoqi.visits.domain.findings import FindingRules
from tuoqi.visits.domain.record_rules import RecordRules
from tuoqi.visits.jobs.intake import REFUSED, TAKEN, Answer, Arriving, Intake, Told
from tuoqi.visits.jobs.sheet import BY_KEY, NAMES, VISIT_COLUMNS, Sheet, read_row
from tuoqi.visits.peers import People


class VisitsImporter:
    """Takes files of the kind `visits`."""

    kind: Final = "visits"
    columns: Final = VISIT_COLUMNS

    def __init__(
        self,
        commander: Commander,
        people: People,
        seal: store.NoteSeal,
        findings: FindingRules | None = None,
        records: RecordRules | None = None,
    ) -> None:
        self._intake = Intake(commander, seal, findings or FindingRules(), records or RecordRules())
        self._people = people

    async def load(self, tx: Tx, rows: Sequence[ParsedRow], ctx: LoadContext) -> ChunkOutcome:
        """Take rows; a record that was here before changes nothing, one of an unknown person is a problem."""
        outcome = ChunkOutcome()
        sheets: list[Sheet] = []
        for read in map(read_row, rows):
            if isinstance(read, Problem):
                outcome.problems.append(read)
            else:
                sheets.append(read)
        told = await self._identify(sheets, ctx, outcome)
        taken = await self._intake.take(tx, told, Arriving(ctx.at, ctx.actor, "file"))
        by_number = {sheet.number: sheet for sheet in sheets}
        for answer in taken.answers:
            if answer.state == TAKEN:
                outcome.changed += 1
            elif answer.state != REFUSED or _differs(answer):
                outcome.unchanged += 1
            if answer.fault is not None:
                outcome.problems.append(_problem(by_number[answer.number], answer))
        outcome.events = taken.events
        return outcome

    async def _identify(self, sheets: Sequence[Sheet], ctx: LoadContext, outcome: ChunkOutcome) -> list[Told]:
        """Ask the registry once for all rows; every name that a row gives must be the same person's."""
        names = [NAMES[column](value) for sheet in sheets for column, value in sheet.names]
        answers = iter(await self._people.identify(names) if names else ())
        told: list[Told] = []
        for sheet in sheets:
            found = [(column, value, next(answers)) for column, value in sheet.names]
            column, value, person_id = next((one for one in found if not one[2]), found[0])
            if not person_id:
                outcome.problems.append(BY_KEY[column].problem(sheet.number, value, "花名册中没有这个人。"))
            elif any(other != person_id for _, _, other in found):
                reason = "本行的编号指向不同的人。"
                outcome.problems.append(BY_KEY[column].problem(sheet.number, value, reason))
            else:
                told.append(Told(sheet.number, person_id, sheet.form, ctx.cause(sheet.number)))
        return told


def _differs(answer: Answer) -> bool:
    return answer.fault is not None and answer.fault.slug == "visits.record_differs"


def _problem(sheet: Sheet, answer: Answer) -> Problem:
    """A refusal in the words of a file. An id that is here with other content changes nothing and is only named."""
    column, value = sheet.names[0]
    if answer.fault is not None and answer.fault.slug == "visits.record_before_birth":
        shown = f"{sheet.form.started_at:%Y-%m-%d %H:%M}"
        return BY_KEY["started_at"].problem(sheet.number, shown, "早于此人的出生日期。")
    if _differs(answer):
        reason = "这个编号的记录已经收到，内容与本行不同；原记录保留，如须更正请另建记录。"
        return BY_KEY["visit_id"].problem(sheet.number, sheet.form.visit_id, reason, only_warning=True)
    return BY_KEY[column].problem(sheet.number, value, "此人不在经办人负责的区划内。")
