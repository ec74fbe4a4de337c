"""Whatever the bank answers in whatever order, everything closes, and nobody has too much without a case for it."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from tuoqi.payments.jobs.bank import assign
from tuoqi.payments.jobs.reconcile import reconcile
from tuoqi.payments.jobs.reissue import Wish, reissue

pytestmark = pytest.mark.postgres

Office = Any
PEOPLE = 4

# What each person has or is promised: paid and under way at the bank, less what is owed back, beside what is due.
_STANDING = """
SELECT p.person_id,
    (SELECT coalesce(sum(i.amount_fen), 0) FROM instruction_items i JOIN instructions s USING (instruction_id)
      WHERE i.person_id = p.person_id AND s.state IN ('OPEN', 'SUCCESS')) AS live,
    (SELECT coalesce(sum(o.amount_fen), 0) FROM outgoing o
      WHERE o.person_id = p.person_id AND o.state IN ('TO_INSTRUCT', 'WAITING', 'RETURNED')) AS held,
    (SELECT coalesce(sum(r.amount_fen), 0) FROM recovery_cases r WHERE r.person_id = p.person_id) AS owed,
    (SELECT coalesce(sum(l.amount_fen), 0) FROM payment_lines l WHERE l.person_id = p.person_id AND NOT l.cancelled) AS due
FROM person_facts p GROUP BY 1
"""


async def _answers(office: Office, random: Random) -> None:
    """A file of a few answers: to anything ever sent, to nothing, twice, contrary."""
    known = [row.instruction_id for row in await office.fetch("SELECT instruction_id FROM instructions ORDER BY 1")]
    rows = []
    for _ in range(random.randint(1, 4)):
        instruction_id = random.choice([*known, *known, "2024-01-nobody"])
        result = random.choice(["SUCCESS", "RETURNED"])
        rows.append(
            (instruction_id, result, "", f"2024-01-{random.randint(20, 28):02d}" if result == "SUCCESS" else "")
        )
    await office.results(*rows)


async def _again(office: Office, random: Random, cycle: str) -> None:
    """Returned money goes out again where its account was mended, or for a reason."""
    wish = Wish(same_account=True, because="银行故障") if random.random() < 0.6 else Wish()
    await reissue(office.tools, cycle, wish, by="finance.qian")


async def _decided(office: Office, random: Random) -> None:
    rows = await office.fetch("SELECT result_id FROM unmatched_results WHERE state = 'OPEN' ORDER BY 1")
    known = [row.instruction_id for row in await office.fetch("SELECT instruction_id FROM instructions ORDER BY 1")]
    if rows:
        await assign(office.tools, rows[0].result_id, random.choice(known), by="finance.sun")


async def _check(office: Office, seen: list[str]) -> None:
    assert await office.findings() == [], seen
    open_checks = [one for one in await reconcile(office.tools) if not one.closes and one.key != "unmatched"]
    assert open_checks == [], seen
    for row in await office.fetch(_STANDING):
        assert row.live + row.held - row.owed == row.due, (seen, row)


@pytest.mark.parametrize("seed", range(5))
async def test_any_sequence_of_answers_closes_and_no_excess_is_without_a_case(office: Office, seed: int) -> None:
    random, seen = Random(seed), list[str]()  # noqa: S311 -- no secret
    for number in range(1, PEOPLE + 1):
        await office.on_dibao(number, 100 * number, account=f"A{(number + 1) // 2}")
    office.go_to("2024-01-20")
    await office.pay("2024-01")
    cycle = "2024-01"
    for step in range(24):
        act = random.choice(["answers"] * 4 + ["again", "again", "list", "decide", "facts", "cycle"])
        seen.append(act)
        if act == "answers":
            await _answers(office, random)
        elif act == "again":
            await _again(office, random, random.choice(["2024-01", cycle]))
        elif act == "list":
            await office.instructions(cycle)
        elif act == "decide":
            await _decided(office, random)
        elif act == "facts":
            person = f"00000000-0000-4000-8000-{random.randint(1, PEOPLE):012d}"
            await office.status(person, "dibao", "2023-12-01", yuan=random.choice([50, 100, 250, 600]))
        elif step and cycle < "2024-04":
            cycle = f"2024-0{int(cycle[-1]) + 1}"
            office.go_to(f"{cycle}-20")
            await office.pay(cycle)
        await _check(office, seen)
