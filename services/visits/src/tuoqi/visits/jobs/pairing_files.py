"""Files of pairings: wishes in 结对意愿, proposals out 结对方案; bad rows are named, the others kept."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any, Final

from tuoqi.contracts.common.v1 import table_pb2
from tuoqi.kit.database import Database, Tx
from tuoqi.kit.errors import TuoqiError, meaning_of
from tuoqi.kit.rights import Actor
from tuoqi.kit.rpc.tables import ChunkOutcome, LoadContext
from tuoqi.kit.tables import Column, ParsedRow
from tuoqi.visits.domain.pairing_match import REASONS
from tuoqi.visits.domain.pairings import COUNTY, TOWNSHIP, VILLAGE, PairingRules
from tuoqi.visits.jobs.naming import NAME_COLUMNS, identify_rows, text_of
from tuoqi.visits.jobs.pairings import check_wish
from tuoqi.visits.jobs.sheet import UUID, UUID_ZH
from tuoqi.visits.peers import People, WorkerNames
from tuoqi.visits.store import pairing_sets as sets
from tuoqi.visits.store import pairing_wishes as wishes

SUBJECTS: Final = {"helper": "结对人", "child": "儿童"}
SEXES: Final = {"F": "女", "M": "男"}
STEP_WORDS: Final = {VILLAGE: "同村", TOWNSHIP: "同乡镇", COUNTY: "县内他乡"}
STATE_WORDS: Final = {
    "OPEN": "待定", "ACCEPTED": "已采纳", "REFUSED": "已否决", "STALE": "已失效", "LEFT_OVER": "未配上",
}  # fmt: skip
WISH_WORDS: Final = {
    "helper_sex": "结对人希望的儿童性别", "helper_age": "结对人希望的年龄段", "helper_village": "结对人希望的村居",
    "child_wants": "监护人指名的结对人",
}  # fmt: skip
_ANY_UUID: Final = re.compile(UUID.replace("(", "(?:"))

WORKER_ID: Final = Column("worker_id", "人员队伍编号", pattern=UUID, pattern_zh=UUID_ZH)
SUBJECT: Final = Column("subject", "谁的意愿", "code", required=True, choices=SUBJECTS)
_MANY: Final = rf"{UUID}(\s*[;；]\s*{UUID})*\s*[;；]?"
REFUSES: Final = Column(
    "refuses", "不要的结对人", max_length=2000, pattern=_MANY, pattern_zh="应为结对人的编号，用分号隔开"
)  # fmt: skip
WISH_COLUMNS: Final = (
    SUBJECT,
    WORKER_ID,
    *NAME_COLUMNS,
    Column("sex", "希望的性别", "code", choices=SEXES),
    Column("age_from", "最小年龄", "int", minimum=0),
    Column("age_to", "最大年龄", "int", minimum=0),
    Column("at_most", "至多人数", "int", minimum=0),
    Column("village", "希望的村居", pattern="[0-9]{12}", pattern_zh="应为 12 位区划代码"),
    REFUSES,
    Column("wants", "指名的结对人", pattern=UUID, pattern_zh=UUID_ZH),
)


class WishImporter:
    """Takes files of the kind `pairing_wishes`: a later row about the same one takes an earlier one's place."""

    kind: Final = "pairing_wishes"
    columns: Final = WISH_COLUMNS

    def __init__(self, people: People) -> None:
        self._people = people

    async def load(self, tx: Tx, rows: Sequence[ParsedRow], ctx: LoadContext) -> ChunkOutcome:
        """Keep wishes; a row without any wish takes out what there was. Raises auth.no_right."""
        ctx.actor.require("pairing.write")
        outcome = ChunkOutcome()
        workers = [row for row in rows if _is_worker(row)]
        named = [(row, WORKER_ID, text_of(row, "worker_id").lower()) for row in workers]
        others = [row for row in rows if not _is_worker(row)]
        named += await identify_rows(self._people, others, outcome)
        subjects = await wishes.places_of(tx, [subject_id for _, _, subject_id in named])
        kept: dict[str, wishes.Wish] = {}
        for row, column, subject_id in sorted(named, key=lambda one: one[0].number):
            wish = _wish(row, subject_id)
            try:
                check_wish(wish, subjects.get(subject_id), ctx.actor)
            except TuoqiError as refusal:
                _, sentence = meaning_of(refusal)
                outcome.problems.append(column.problem(row.number, text_of(row, column.key), sentence))
                continue
            kept[subject_id] = wish
        said = [one for one in kept.values() if not one.is_empty]
        changed = await wishes.keep_wishes(tx, said, ctx.actor.user, ctx.at) if said else set()
        changed |= await wishes.forget_wishes(tx, {one.subject_id for one in kept.values() if one.is_empty})
        outcome.changed = len(changed)
        outcome.unchanged = len(rows) - len(outcome.problems) - len(changed)
        return outcome


def _is_worker(row: ParsedRow) -> bool:
    return bool(text_of(row, "worker_id"))


def _wish(row: ParsedRow, subject_id: str) -> wishes.Wish:
    about = text_of(row, "subject")
    if about == "child":
        refuses = tuple(sorted(set(_ANY_UUID.findall(text_of(row, "refuses").lower()))))
        return wishes.Wish(subject_id, about, text_of(row, "sex"), refuses=refuses, wants=text_of(row, "wants").lower())
    return wishes.Wish(
        subject_id,
        about,
        text_of(row, "sex"),
        age_from=_number(row, "age_from", 0) or 0,
        age_to=_number(row, "age_to", 99) or 99,
        at_most=_number(row, "at_most", None) or None,
        village=text_of(row, "village"),
    )


def _number(row: ParsedRow, key: str, default: int | None) -> int | None:
    value = row.values[key]
    return value if isinstance(value, int) else default


PROPOSAL_COLUMNS: Final = (
    Column("person_id", "儿童编号"),
    Column("name", "姓名"),
    Column("id_number", "证件号码", masked=True),
    Column("region", "儿童所在村居"),
    Column("helper_id", "结对人编号"),
    Column("helper_name", "结对人"),
    Column("helper_region", "结对人所在地"),
    Column("step", "远近"),
    Column("refused_wishes", "未满足的意愿"),
    Column("reason", "未配上的原因"),
    Column("state", "状态"),
)


class ProposalExporter:
    """Gives files of the kind `pairing_proposals`: a set's proposals by village; without a set, of the newest."""

    kind: Final = "pairing_proposals"
    columns: Final = PROPOSAL_COLUMNS
    RUN: Final = 5_000

    def __init__(self, database: Database, people: People, workers: WorkerNames, rules: PairingRules) -> None:
        self._database = database
        self._people = people
        self._workers = workers
        self._rules = rules

    async def rows(
        self, request: table_pb2.ExportRowsRequest, actor: Actor
    ) -> AsyncIterator[Sequence[Mapping[str, object]]]:
        """Every proposal within the actor's regions, with names. Raises visits.pairing_set_unknown."""
        actor.require("pairing.read")
        async with self._database.begin() as tx:
            found = await sets.find_set(tx, request.subject or await sets.latest_ready(tx))
            if found is None:
                raise TuoqiError("visits.pairing_set_unknown")
            names = await self._names(found.kind)
            async for run in sets.proposals_in_order(tx, found.set_id, regions=actor.regions, size=self.RUN):
                yield await self._described(run, names, reveal=request.reveal)

    async def _names(self, kind: str) -> dict[str, str]:
        """Names of all workers who may be helpers of the kind."""
        versions = self._rules.kinds.get(kind, ())
        return await self._workers.names_by_post(sorted({post for one in versions for post in one.posts}))

    async def _described(
        self, run: Sequence[Any], names: Mapping[str, str], *, reveal: bool
    ) -> list[dict[str, object]]:
        relatives = {row.helper_id for row in run if row.helper_as == "person"}
        ids = sorted({row.person_id for row in run} | relatives)
        known = {one.person_id: one for one in await self._people.describe(ids, reveal=reveal)}
        return [
            {
                "person_id": row.person_id,
                "name": known[row.person_id].name,
                "id_number": known[row.person_id].id_number,
                "region": row.region,
                "helper_id": row.helper_id,
                "helper_name": known[row.helper_id].name if row.helper_id in known else names.get(row.helper_id, ""),
                "helper_region": row.helper_region,
                "step": STEP_WORDS.get(row.step, ""),
                "refused_wishes": "、".join(words(row.refused_wishes.split(), WISH_WORDS)),
                "reason": REASONS.get(row.reason, row.reason),
                "state": STATE_WORDS[row.state],
            }
            for row in run
        ]


def words(codes: Collection[str], known: Mapping[str, str]) -> list[str]:
    """What codes are called."""
    return [known.get(code, code) for code in codes]
