"""Files of pairings, and what the service answers."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any

import protovalidate
import pytest

from tuoqi.contracts.common.v1 import table_pb2
from tuoqi.contracts.registry.v1 import worker_pb2
from tuoqi.contracts.visits.v1 import pairing_service_pb2 as pb
from tuoqi.kit.rights import Actor, acting
from tuoqi.kit.rpc.tables import LoadContext
from tuoqi.kit.tables import ParsedRow
from tuoqi.visits.domain.fields import PolicyError
from tuoqi.visits.domain.pairing_policy import read_pairing_rules
from tuoqi.visits.handlers.pairing_mirrors import helper_row
from tuoqi.visits.jobs.pairing_files import WISH_COLUMNS, ProposalExporter, WishImporter
from tuoqi.visits.jobs.pairing_runs import Asked
from tuoqi.visits.rpc.pairings import PairingServicer
from tuoqi.visits.store import pairing_wishes as wishes

ANY = "0199b1f0-0000-7000-8000-0000000000d1"
CLERK = Actor("clerk.li", rights=frozenset({"pairing.write", "pairing.read"}))


class OpenWorkers:
    """The registry names every worker alike."""

    async def names_by_post(self, kinds: Collection[str]) -> dict[str, str]:
        """One name for the first of these tests."""
        assert list(kinds) == ["loving_mother"]
        return {f"00000000-0000-4000-b000-{1:012d}": "王某"}


def row(number: int, **cells: Any) -> ParsedRow:
    """A row of a wishes file."""
    return ParsedRow(number, {column.key: cells.get(column.key) for column in WISH_COLUMNS})


async def load(county: Any, people: Any, *rows: ParsedRow) -> Any:
    """What became of a file."""
    ctx = LoadContext(
        county.clock.now(), date(2026, 3, 5), CLERK, "f" * 64, 1, dry_run=False, traceparent="", correlation_id=""
    )
    async with county.database.begin() as tx:
        return await WishImporter(people).load(tx, rows, ctx)


async def test_a_file_of_wishes_is_kept_once_and_an_empty_row_takes_out_what_was_there(
    county: Any, people: Any
) -> None:
    """Helpers by id, children by number; bad rows are named and the others taken."""
    helper, child = await county.helper(1), await county.child(1)
    rows = (
        row(1, subject="helper", worker_id=helper, at_most=3, age_from=6, age_to=12),
        row(2, subject="child", person_id=child, sex="F", refuses=f"{helper}；"),
        row(3, subject="child", worker_id=helper),
        row(4, subject="helper", worker_id=helper[:-1] + "9", at_most=1),
        row(5, subject="child", person_id=child[:-1] + "7", sex="F"),
    )
    first = await load(county, people, *rows)
    assert (first.changed, first.unchanged, [one.row_number for one in first.problems]) == (2, 0, [3, 4, 5])
    again = await load(county, people, *rows[:2])
    assert (again.changed, again.unchanged) == (0, 2)
    async with county.database.begin() as tx:
        known = await wishes.wishes_of(tx, "child") | await wishes.wishes_of(tx, "helper")
    assert known[child] == wishes.Wish(child, "child", "F", refuses=(helper,))
    assert known[helper] == wishes.Wish(helper, "helper", age_from=6, age_to=12, at_most=3)
    gone = await load(county, people, row(1, subject="helper", worker_id=helper))
    assert (gone.changed, await county.rows("SELECT subject_id FROM pairing_wishes")) == (1, [(child,)])


async def test_the_proposals_of_the_newest_set_are_given_with_names(county: Any, people: Any, reviewer: Any) -> None:
    """In Chinese words, also of whoever is left over."""
    helper, child = await county.helper(1), await county.child(1)
    await county.desk.wish(reviewer, wishes.Wish(helper, "helper", at_most=1), clear=False)
    await county.child(2, "990101102201")
    await county.runs.propose(reviewer, Asked("loving_mother"))
    exporter = ProposalExporter(county.database, people, OpenWorkers(), county.rules.pairings)
    given = [
        one async for run in exporter.rows(table_pb2.ExportRowsRequest(kind="pairing_proposals"), CLERK) for one in run
    ]
    assert [(one["person_id"], one["helper_name"], one["step"], one["reason"], one["state"]) for one in given] == [
        (child, "王某", "同村", "", "待定"),
        (county.make.person(2), "", "", "结对人均已满额", "未配上"),
    ]


async def test_the_service_shows_sets_proposals_and_pairings_page_by_page(county: Any, reviewer: Any) -> None:
    """From the proposal to the contact by the contract's own messages."""
    await county.helper(1)
    for number in range(1, 4):
        await county.child(number)
    servicer = PairingServicer(county.desk, county.runs)
    with acting(reviewer):
        made = await servicer.ProposePairings(pb.ProposePairingsRequest(kind="loving_mother", max_load=2), None)
        asked = pb.ListProposalsRequest(set_id=made.set.set_id, page_size=2)
        first = await servicer.ListProposals(asked, None)
        asked.page_token = first.next_page_token
        second = await servicer.ListProposals(asked, None)
        taken = await servicer.AcceptProposals(pb.AcceptProposalsRequest(set_id=made.set.set_id), None)
        listed = await servicer.ListPairings(pb.ListPairingsRequest(kind="loving_mother", state="IN_FORCE"), None)
        request = pb.RecordContactRequest(key="k", pairing_id=listed.pairings[0].pairing_id, channel="phone")
        contact = await servicer.RecordContact(request, None)
        shown = await servicer.GetPairingSet(pb.GetPairingSetRequest(set_id=made.set.set_id), None)
        newest = await servicer.ListPairingSets(pb.ListPairingSetsRequest(), None)
    assert (len(first.proposals), len(second.proposals), second.next_page_token) == (2, 1, "")
    assert (made.set.proposed, made.set.left_over, taken.begun, len(listed.pairings)) == (2, 1, 2, 2)
    assert (contact.pairing.contacts, contact.pairing.last_contact_on) == (1, "2026-03-05")
    assert {one.code: one.count for one in shown.set.states} == {"ACCEPTED": 2, "LEFT_OVER": 1}
    assert [one.set_id for one in newest.sets] == [made.set.set_id]


def test_a_worker_is_mirrored_with_sex_and_posts() -> None:
    """The first tells who may look after girls, the others who helps where."""
    event = worker_pb2.WorkerPostsChanged(
        worker_id="w",
        sex="F",
        posts=[worker_pb2.HeldPost(kind="loving_mother", region="990101101201", began_on="2026-01-01")],
    )
    assert helper_row(event, 4) == ("w", 4, "F", '[["loving_mother","990101101201","2026-01-01",""]]')


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"target": 9}, "pairings[0].target"),
        ({"relatives": True}, "pairings[0].posts"),
        ({"balance": "province"}, "pairings[0].balance"),
        ({"max_load": 0}, "pairings[0].max_load"),
        ({"helpers": 1}, "pairings[0].helpers"),
    ],
)
def test_a_fault_of_the_countys_file_names_its_place(change: dict[str, Any], place: str) -> None:
    """As `tuoqi policy check` shows it."""
    kind = {"kind": "k", "name": "结对", "effective_from": "2026-01-01", "posts": ["p"], "for": {"age_to": 17}}
    with pytest.raises(PolicyError) as refused:
        read_pairing_rules({"pairings": [kind | change]})
    assert refused.value.path == place


@pytest.mark.parametrize(
    ("request_", "good"),
    [
        (pb.RecordContactRequest(key="k", pairing_id=ANY, channel="phone"), True),
        (pb.RecordContactRequest(key="k", pairing_id=ANY, channel="fax"), False),
        (pb.SetWishRequest(subject="child", subject_id=ANY, sex="F", refuses=[ANY]), True),
        (pb.SetWishRequest(subject="facility", subject_id=ANY), False),
        (pb.SetConflictRequest(helper_id=ANY, person_id=ANY, reason="dispute"), True),
        (pb.SetRelativeRequest(helper_id=ANY, person_id=ANY, helper_as="person"), True),
        (pb.ProposePairingsRequest(kind="loving_mother", balance="county", max_load=8), True),
        (pb.ProposePairingsRequest(kind="loving_mother", balance="province"), False),
    ],
)
def test_the_contract_takes_what_the_commands_send_and_nothing_else(request_: Any, *, good: bool) -> None:
    """Words outside the lists are refused at the edge."""
    faults = protovalidate.collect_violations(request_)
    assert (not faults) == good
