"""The service as it is put together: its subscription, its rules, its refusals."""

from __future__ import annotations

from pathlib import Path

import pytest

from tuoqi.kit.county import County, CountyError
from tuoqi.kit.errors import TuoqiError, meaning_of
from tuoqi.payments.__main__ import SERVICE, read_policy
from tuoqi.payments.domain.errors import REFUSALS, CycleError
from tuoqi.payments.jobs.tools import refusing

DEMO = Path(__file__).parents[3] / "deploy" / "counties" / "990101"


def test_the_subscription_parks_and_keeps_every_version() -> None:
    subscription = SERVICE.subscriptions[0]
    assert subscription.parks
    assert {projection.keep for projection in subscription.projections} == {"every"}
    assert [topic.name for topic in subscription.topics] == ["tuoqi.registry.person.v1", "tuoqi.registry.status.v1"]


def test_a_fault_of_a_county_file_names_file_line_place_and_reason(tmp_path: Path) -> None:
    for name in ("county.yaml", "payments/cycles.yaml", "payments/programmes.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text((DEMO / name).read_text("utf-8").replace("cut_off_day: 20", "cut_off_day: 31"))
    with pytest.raises(CountyError, match=r"payments/cycles.yaml 第 5 行: versions\[0\].cut_off_day 应为 1 到 28"):
        read_policy(County.load(tmp_path))


@pytest.mark.parametrize("slug", sorted(REFUSALS))
def test_every_refusal_of_the_domain_has_its_status_and_sentence_outside(slug: str) -> None:
    with pytest.raises(TuoqiError) as refused, refusing():
        raise CycleError(slug, cycle="2024-01")
    status, sentence = meaning_of(refused.value)
    assert (status.name, sentence[-1]) == (REFUSALS[slug][0], "。")
