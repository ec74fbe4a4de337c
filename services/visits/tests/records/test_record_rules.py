"""What a county may say of records, and how a fault in its file is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tuoqi.visits.domain.fields import PolicyError
from tuoqi.visits.domain.record_rules import RecordRules, read_record_rules
from tuoqi.visits.domain.records import CHANNELS, RESULT_WORDS, why_not_counted

FILE = Path(__file__).parents[4] / "deploy/counties/990101/visits/records.yaml"


@pytest.fixture
def content() -> Any:
    """The file that ships."""
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))


def test_the_county_that_ships_counts_every_channel_of_the_files_and_no_sensor(content: Any) -> None:
    """Five heads with three checks each stand in it, for everybody."""
    rules = read_record_rules(content)
    assert all(rules.channel_counts(code) for code in CHANNELS)
    assert not rules.channel_counts("SENSOR")
    assert not rules.channel_counts("PIGEON")
    heads = [check.head for check in rules.checks.values() if not check.groups]
    assert [heads.count(head) for head in ("健康", "心理", "安全", "卫生", "环境")] == [3] * 5
    assert heads.count("生活") == 4


@pytest.mark.parametrize("result", sorted(RESULT_WORDS))
def test_without_a_file_results_alone_decide_what_counts(result: str) -> None:
    """As the file contract has it."""
    because = why_not_counted(result, channel_counts=RecordRules().channel_counts("PHONE"))
    assert (because == "") is (result in {"MET", "INFORMANT_ONLY"})


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"channels": [{"code": "PHONE", "name": "电话"}]}, "channels"),
        ({"place_decimals": 6}, "place_decimals"),
        ({"answers": {}}, "answers"),
        ({"attachments": {"photo": {"media_types": ["image/heic"], "kilobytes": 1}}}, "attachments.photo.media_types"),
        ({"checklist": [{"head": "健康", "for": ["pet"], "checks": {"a": "b"}}]}, "checklist[0].for"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_fault_names_its_place(content: Any, change: dict[str, Any], path: str) -> None:
    """So that a clerk finds the line."""
    with pytest.raises(PolicyError) as fault:
        read_record_rules(content | change)
    assert fault.value.path == path
