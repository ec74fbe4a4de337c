"""What certification does to money: nothing, unless a programme's own terms say so. On a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tuoqi.contracts.payments.v1 import certification_service_pb2 as pb
from tuoqi.payments.domain.policy import Policy, parse_policy
from tuoqi.payments.rpc.payments import PaymentsServicer

pytestmark = pytest.mark.postgres

COUNTY = Path(__file__).parents[4] / "deploy" / "counties" / "990101" / "payments"


def asking(programme: str) -> Policy:
    """The demo county's rules, with life certification every twelve months asked of one programme."""
    files = {path.name: yaml.safe_load(path.read_text("utf-8")) for path in COUNTY.glob("*.yaml")}
    for row in files["programmes.yaml"]["programmes"]:
        if row["key"] == programme:
            for version in row["versions"]:
                version["certification"] = {"every_months": 3, "first_due": "2024-01"}
    return parse_policy(files)


async def record(after: Any, person: str, on: str) -> None:
    with after.office.by("clerk.li"):
        request = pb.RecordCertificationRequest(person_id=person, certified_on=on, channel="DESK")
        await after.certification.RecordCertification(request, None)


@pytest.fixture
async def paying(after: Any) -> Callable[[str], Awaitable[Any]]:
    """Let a programme ask for certification from now on."""

    async def use(programme: str) -> Any:
        office = after.office
        office.tools = replace(office.tools, policy=asking(programme))
        office.service = PaymentsServicer(office.tools)
        return office

    return use


async def test_a_programme_that_asks_pays_who_was_seen_and_gives_back_what_lapsed(
    after: Any, paying: Callable[[str], Awaitable[Any]]
) -> None:
    office = await paying("dibao")
    seen = await office.on_dibao(1, 400, decided="2023-06-01", account="A")
    await office.on_dibao(2, 300, decided="2023-06-01", account="B")
    office.go_to("2024-01-19")
    await record(after, seen, "2024-01-19")
    office.go_to("2024-02-20")
    await office.pay("2024-02")
    assert await office.lines("2024-02") == {
        "01 dibao BACKPAY 2024-01 400",
        "01 dibao REGULAR 2024-02 400",
        "02 dibao BACKPAY 2024-01 300",
    }
    office.go_to("2024-03-10")
    await record(after, "00000000-0000-4000-8000-000000000002", "2024-03-10")
    office.go_to("2024-03-20")
    await office.pay("2024-03")
    assert await office.lines("2024-03") == {
        "01 dibao REGULAR 2024-03 400",
        "02 dibao BACKPAY 2024-02 300",
        "02 dibao REGULAR 2024-03 300",
    }


async def test_a_certification_after_the_cut_off_waits_for_the_next_cycle(
    after: Any, paying: Callable[[str], Awaitable[Any]]
) -> None:
    office = await paying("dibao")
    person = await office.on_dibao(1, 400, decided="2023-06-01", account="A")
    office.go_to("2024-02-20")
    await office.open("2024-02")
    office.go_to("2024-02-21")
    await record(after, person, "2024-02-21")
    await office.compute("2024-02")
    assert await office.lines("2024-02") == {"01 dibao BACKPAY 2024-01 400"}


async def test_the_default_county_stops_nobody_whatever_a_campaign_says(after: Any) -> None:
    office = after.office
    await office.on_dibao(1, 400, account="A")
    office.go_to("2024-01-02")
    with office.by("reviewer.zhao"):
        request = pb.OpenCampaignRequest(title="全体", first_day="2024-01-02", last_day="2024-01-10", grace_days=0)
        await after.certification.OpenCampaign(request, None)
    office.go_to("2024-02-20")
    await office.pay("2024-02")
    assert await office.lines("2024-02") == {"01 dibao BACKPAY 2024-01 400", "01 dibao REGULAR 2024-02 400"}
