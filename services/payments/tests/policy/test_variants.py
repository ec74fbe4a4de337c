"""Another county's variants through whole cycles: what is written, instructed and booked closes to zero."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tuoqi.kit.county import County

DEMO = Path(__file__).parents[4] / "deploy" / "counties" / "990101"
OLD_AGE = "      - version: old_age_allowance@2024-01\n        effective_from: 2024-01\n"
pytestmark = pytest.mark.postgres


@pytest.fixture
def office_with(office: Any, tmp_path: Path) -> Callable[[str], Any]:
    """The office on the shipped rules, with more terms for the old-age allowance."""

    def made(terms: str) -> Any:
        folder = Path(shutil.copytree(DEMO, tmp_path / "county"))
        path = folder / "payments" / "programmes.yaml"
        text = path.read_text("utf-8")
        assert OLD_AGE in text
        path.write_text(text.replace(OLD_AGE, f"{OLD_AGE}        {terms}\n"), "utf-8")
        return type(office)(office.database, County.load(folder))

    return made


async def cycle(office: Any, month: str) -> set[str]:
    """A whole cycle up to INSTRUCTED; its lines."""
    office.go_to(f"{month}-20", 18)
    paid = await office.pay(month)
    assert await office.findings() == []
    lines: set[str] = await office.lines(paid.ref.cycle_id)
    return lines


async def test_a_quarter_is_paid_in_march_and_a_death_in_april_in_the_next_cycle(
    office_with: Callable[[str], Any],
) -> None:
    """Nobody whose facts did not change is passed over, though the months came due by the calendar alone."""
    office = office_with("payment: { every: quarterly }")
    person = await office.register(1, "1940-05-05", account="622000000000000001")
    await office.status(person, "old_age_accepted", "2023-12-05")
    await office.status(person, "dibao", "2023-12-05", yuan=400)
    assert await cycle(office, "2024-01") == {"01 dibao REGULAR 2024-01 400"}
    assert await cycle(office, "2024-02") == {"01 dibao REGULAR 2024-02 400"}
    assert await cycle(office, "2024-03") == {
        "01 dibao REGULAR 2024-03 400",
        "01 old_age_allowance BACKPAY 2024-01 50",
        "01 old_age_allowance BACKPAY 2024-02 50",
        "01 old_age_allowance REGULAR 2024-03 50",
    }
    await office.died(person, "2024-04-12")
    assert await cycle(office, "2024-04") == {
        "01 dibao REGULAR 2024-04 400",
        "01 old_age_allowance REGULAR 2024-04 50",
    }


async def test_a_year_paid_ahead_is_recovered_from_the_month_after_a_death(office_with: Callable[[str], Any]) -> None:
    office = office_with("payment: { every: yearly, paid_in: first_month }")
    person = await office.register(1, "1940-05-05", account="622000000000000001")
    await office.status(person, "old_age_accepted", "2023-12-05")
    assert len(await cycle(office, "2024-01")) == 12
    assert await cycle(office, "2024-02") == set()
    await office.died(person, "2024-10-03")
    assert await cycle(office, "2024-10") == {
        "01 old_age_allowance RECOVERY 2024-11 -50",
        "01 old_age_allowance RECOVERY 2024-12 -50",
    }


async def test_whoever_is_not_seen_is_not_paid_until_being_seen(office_with: Callable[[str], Any]) -> None:
    """The day of being seen is no fact of the registry's, and counts all the same."""
    office = office_with("certification: { every_months: 12, first_due: 2024-01 }")
    person = await office.register(1, "1940-05-05", account="622000000000000001")
    await office.status(person, "old_age_accepted", "2022-12-05")
    assert await cycle(office, "2024-01") == {"01 old_age_allowance REGULAR 2024-01 50"}
    assert await cycle(office, "2024-02") == set()
    await office.fetch(
        "INSERT INTO life_certifications (person_id, certified_on, channel, known_at, campaign_id, evidence, recorded_by)"
        " VALUES (:person, '2024-03-01', 'DESK', :now, '', '', 'clerk.li') RETURNING 1 AS n",
        person=person,
        now=office.clock.now(),
    )
    assert await cycle(office, "2024-03") == {
        "01 old_age_allowance BACKPAY 2024-02 50",
        "01 old_age_allowance REGULAR 2024-03 50",
    }
