"""Care contracts: signed once, ended by themselves, and who lacks one; on PostgreSQL."""

from __future__ import annotations

from typing import Any

import pytest

from tuoqi.contracts.registry.v1 import status_pb2
from tuoqi.contracts.visits.v1 import contract_service_pb2 as pb
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor, acting
from tuoqi.kit.rpc.tables import ChunkOutcome
from tuoqi.kit.tables import Header, parse_rows
from tuoqi.visits.jobs.contract_files import ContractImporter
from tuoqi.visits.jobs.contracts import ContractEnds
from tuoqi.visits.rpc.contracts import ContractServicer

pytestmark = pytest.mark.postgres
ANYWHERE, ELSEWHERE = Actor("li"), Actor("feng", regions=("990101002",))
CONTRACTS = "tuoqi.visits.contract.v1"
WORKER = "00000000-0000-4000-8000-0000000000aa"
HEADER = [
    "temp_id", "care_level", "facility", "workers", "relative_id_number", "relative_name", "signed_on", "begins_on",
    "ends_on",
]  # fmt: skip


def tekun(subtype: str = "scattered", **changes: Any) -> status_pb2.StatusInterval:
    """A person who is supported, at home, half self-reliant."""
    content = {
        "interval_id": "00000000-0000-4000-9000-000000000001",
        "category": "tekun",
        "subtype": subtype,
        "level": "half",
        "decided_on": "2025-01-10",
        "loaded_order": 1,
    } | changes
    return status_pb2.StatusInterval(**content)


@pytest.fixture
async def signing(county: Any) -> Any:
    """Persons 1 and 2 are supported at home, 3 in a facility's rolls, 4 not at all; one worker."""
    for number, statuses in ((1, [tekun()]), (2, [tekun()]), (3, [tekun("centralised")]), (4, [])):
        await county.told(number, *statuses)
    await county.commander.transaction(
        lambda tx: tx.execute("INSERT INTO workers (worker_id, version, posts) VALUES (:id, 1, '[]')", id=WORKER)
    )
    return county


def request(person_id: str, **changes: Any) -> pb.SignContractRequest:
    """A contract with its three parties for this year."""
    content: dict[str, Any] = {
        "person_id": person_id,
        "facility": "EH-01",
        "worker_ids": [WORKER],
        "relative_name": "王侄",
        "duties": "每日送餐",
        "signed_on": "2026-03-01",
        "ends_on": "2026-12-31",
    }
    return pb.SignContractRequest(**(content | changes))


async def sign(county: Any, person_id: str, **changes: Any) -> pb.SignContractResponse:
    """Sign as a clerk."""
    with acting(ANYWHERE):
        return await ContractServicer(county.contracts).SignContract(request(person_id, **changes), None)


async def ended(county: Any) -> list[tuple[Any, ...]]:
    """How contracts ended."""
    return await county.rows("SELECT ended_as, ended_on::text, ended_at FROM care_contracts ORDER BY person_id")


async def test_a_contract_is_kept_once_and_its_words_are_sealed(signing: Any, make: Any) -> None:
    """The same again is the one that is there; the level is the status's; names stand sealed and in no event."""
    first = await sign(signing, make.person(1))
    again = await sign(signing, make.person(1))
    assert (first.signed_before, again.signed_before) == (False, True)
    assert first.contract == again.contract
    assert (first.contract.care_level, first.contract.state) == ("half", "RUNNING")
    assert [name for name, _ in await signing.said(CONTRACTS)] == ["CareContractSigned"]
    with acting(ANYWHERE):
        asked = pb.GetContractRequest(contract_id=first.contract.contract_id)
        shown = await ContractServicer(signing.contracts).GetContract(asked, None)
    assert (shown.relative_name, shown.duties) == ("王侄", "每日送餐")
    ((sealed, told),) = await signing.rows(
        "SELECT sealed, (SELECT string_agg(encode(value, 'escape'), '') FROM outbox) FROM care_contracts"
    )
    assert "王侄".encode() not in bytes(sealed)
    assert "王侄" not in told


@pytest.mark.parametrize(
    ("number", "changes", "slug"),
    [
        (3, {}, "contract_not_needed"),
        (4, {}, "contract_not_needed"),
        (9, {}, "person_unknown"),
        (1, {"facility": ""}, "contract_lacks"),
        (1, {"worker_ids": []}, "contract_lacks"),
        (1, {"relative_name": ""}, "contract_lacks"),
        (1, {"facility": "EH-99"}, "facility_unknown"),
        (1, {"worker_ids": ["00000000-0000-4000-8000-0000000000bb"]}, "worker_unknown"),
        (1, {"relative_id": "00000000-0000-4000-8000-000000000001"}, "relative_unknown"),
        (1, {"relative_id": "00000000-0000-4000-8000-000000000077"}, "relative_unknown"),
        (1, {"care_level": "full"}, "contract_level"),
        (1, {"kind": "other"}, "contract_kind"),
        (1, {"signed_on": "2026-03-06"}, "contract_day"),
        (1, {"ends_on": "2026-03-04"}, "contract_day"),
        (1, {"ends_on": "2027-03-04"}, "contract_too_long"),
    ],
)
async def test_what_does_not_fit_is_refused(
    signing: Any, make: Any, number: int, changes: dict[str, Any], slug: str
) -> None:
    """Who needs none, a party that is missing or unknown, a level or days that cannot be."""
    with pytest.raises(TuoqiError, match=slug):
        await sign(signing, make.person(number), **changes)
    assert not await signing.said(CONTRACTS)


async def test_two_contracts_of_a_person_never_hold_on_one_day(signing: Any, make: Any) -> None:
    """A second one is refused; the next year's is taken, and one after an early end."""
    first = await sign(signing, make.person(1))
    with pytest.raises(TuoqiError, match="contract_overlaps"):
        await sign(signing, make.person(1), ends_on="2026-11-30")
    later = await sign(signing, make.person(1), begins_on="2027-01-01", ends_on="2027-12-31")
    assert later.contract.state == "COMING"
    servicer = ContractServicer(signing.contracts)
    with acting(ANYWHERE):
        end = pb.EndContractRequest(contract_id=first.contract.contract_id, reason="亲属外出")
        assert (await servicer.EndContract(end, None)).contract.ended_on == "2026-03-05"
        with pytest.raises(TuoqiError, match="contract_ended"):
            await servicer.EndContract(end, None)
        shown = await servicer.GetContract(pb.GetContractRequest(contract_id=first.contract.contract_id), None)
    assert (shown.end_reason, shown.duties) == ("亲属外出", "每日送餐")
    assert not (await sign(signing, make.person(1))).signed_before
    assert [name for name, _ in await signing.said(CONTRACTS)] == [
        "CareContractSigned",
        "CareContractSigned",
        "CareContractEnded",
        "CareContractSigned",
    ]


async def test_midnight_ends_what_nobody_needs_once_and_on_its_day(signing: Any, make: Any) -> None:
    """Who died, who entered a facility, whose term is over; the clock that was away for a week tells the same."""
    await sign(signing, make.person(1))
    await sign(signing, make.person(2), ends_on="2026-03-08")
    timer = ContractEnds(signing.commander, signing.database, signing.rules.contracts)
    async with signing.database.begin() as tx:
        assert await timer.next_due(tx) == make.at("2026-03-06", 0)
    assert await timer.run(make.at("2026-03-06", 0)) == 0
    await signing.told(1, tekun(), version=2, died_on="2026-03-07")
    assert [await timer.run(make.at("2026-03-14", 9)) for _ in range(2)] == [2, 0]
    assert await ended(signing) == [
        ("DIED", "2026-03-08", make.at("2026-03-08", 0)),
        ("EXPIRED", "2026-03-09", make.at("2026-03-09", 0)),
    ]
    async with signing.database.begin() as tx:
        assert await timer.next_due(tx) is None
    # A year without any contract: the next one is judged from its signing on.
    signing.clock.move_to(make.at("2027-03-05"))
    await sign(signing, make.person(2), signed_on="2027-03-01", ends_on="2027-12-31")
    assert await timer.run(make.at("2027-03-06", 0)) == 0


async def test_who_lacks_a_contract_is_listed(signing: Any, make: Any) -> None:
    """Nobody without the status; somebody whose contract ends soon where asked; within the caller's regions."""
    servicer = ContractServicer(signing.contracts)

    async def missing(actor: Actor = ANYWHERE, **asked: Any) -> list[tuple[str, str]]:
        with acting(actor):
            answer = await servicer.ListMissingContracts(pb.ListMissingContractsRequest(**asked), None)
        return [(one.person_id, one.ends_on) for one in answer.people]

    assert await missing() == [(make.person(1), ""), (make.person(2), "")]
    with acting(ANYWHERE):
        page = await servicer.ListMissingContracts(pb.ListMissingContractsRequest(page_size=1), None)
    assert page.next_page_token == make.person(1)
    assert await missing(page_token=page.next_page_token) == [(make.person(2), "")]
    await sign(signing, make.person(1), ends_on="2026-03-20")
    assert await missing() == [(make.person(2), "")]
    assert await missing(ends_within_days=30) == [(make.person(1), "2026-03-20"), (make.person(2), "")]
    await sign(signing, make.person(1), begins_on="2026-03-21", ends_on="2026-12-31")
    assert await missing(ends_within_days=30) == [(make.person(2), "")]
    assert await missing(ELSEWHERE) == []


async def test_lists_and_acts_end_at_the_callers_regions(signing: Any, make: Any) -> None:
    """Another township's user finds no contract, and can neither sign nor end one."""
    contract_id = (await sign(signing, make.person(1))).contract.contract_id
    servicer = ContractServicer(signing.contracts)
    with acting(ANYWHERE):
        assert len((await servicer.ListContracts(pb.ListContractsRequest(state="RUNNING"), None)).contracts) == 1
        with pytest.raises(TuoqiError, match="bad_contract_state"):
            await servicer.ListContracts(pb.ListContractsRequest(state="GONE"), None)
    with acting(ELSEWHERE):
        assert not (await servicer.ListContracts(pb.ListContractsRequest(), None)).contracts
        with pytest.raises(TuoqiError, match="contract_unknown"):
            await servicer.EndContract(pb.EndContractRequest(contract_id=contract_id, reason="x"), None)
        with pytest.raises(TuoqiError, match="no_region"):
            await servicer.SignContract(request(make.person(2)), None)


async def test_a_file_of_contracts_names_bad_rows_and_keeps_the_others(signing: Any, people: Any, make: Any) -> None:
    """A stranger, one who needs none, no team, a facility and a relative that nobody knows, days that cross."""
    good = ["n-1", "半自理", "EH-01", WORKER, "", "王侄", "2026-03-01", "2026-03-01", "2026-12-31"]

    def line(**cells: str) -> list[str]:
        return [cells.get(key, value) for key, value in zip(HEADER, good, strict=True)]

    lines = [
        line(temp_id="stranger"),
        line(temp_id="n-4"),
        line(workers=""),
        line(facility="EH-99"),
        line(relative_id_number="629999195001010010"),
        good,
        line(ends_on="2026-11-30"),
        line(temp_id="n-2", care_level="", signed_on="2026-03-09"),
        good,
    ]

    async def load(digit: str) -> ChunkOutcome:
        importer = ContractImporter(signing.contracts, people)
        rows, problems = parse_rows(Header.match(HEADER, importer.columns), list(enumerate(lines, start=2)))

        async def body(tx: Any) -> ChunkOutcome:
            return await importer.load(tx, rows, signing.context(make.at("2026-03-05"), digit=digit))

        outcome: ChunkOutcome = await signing.commander.transaction(body)
        outcome.problems[:0] = problems
        return outcome

    outcome = await load("e")
    assert sorted((one.row_number, one.column.split("[")[1]) for one in outcome.problems) == [
        (2, "temp_id]"), (3, "temp_id]"), (4, "temp_id]"), (5, "facility]"), (6, "relative_id_number]"),
        (8, "begins_on]"), (9, "ends_on]"),
    ]  # fmt: skip
    assert (outcome.changed, outcome.unchanged, outcome.events) == (1, 1, 1)
    again = await load("f")
    assert (again.changed, again.unchanged) == (0, 2)
