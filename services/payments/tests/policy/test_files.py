"""A county's folder that cannot be used is refused with every fault at once: file, line, place and reason."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tuoqi.kit.county import County, CountyError, Fault
from tuoqi.payments.__main__ import check_files
from tuoqi.payments.jobs.policies import read_policy

DEMO = Path(__file__).parents[4] / "deploy" / "counties" / "990101"
CYCLES = (DEMO / "payments" / "cycles.yaml").read_text("utf-8")
PROGRAMMES = """\
county: "990101"
policy_start: 2024-01
categories: [{ key: dibao, name: 低保 }]
standards:
  - key: wage
    name: 最低工资
    versions: [{ effective_from: 2024-01, yuan: 2000 }]
stacking:
  - { step: take_higher, of: [tekun_support, orphan_living] }
programmes:
  - key: tekun_support
    name: 特困供养金
    rule: status_amount
    category: tekun
    versions:
      - version: tekun@1
        effective_from: 2024-01
        start: month_after_decision
        amounts:
          - { level: [none], yuan: 900, percent: 35, of: wage }
          - { yuan: 900 }
  - key: orphan_living
    name: 孤儿基本生活费
    rule: status_amount
    category: orphan
    for_children: true
    versions:
      - version: orphan@1
        effective_from: 2024-01
        start: month_after_decision
        child: true
        amounts:
          - { yuan: 1300 }
"""
Write = Callable[[str], Path]


@pytest.fixture
def county(tmp_path: Path) -> Write:
    """Writes a small county whose programmes are this text."""

    def write(programmes: str) -> Path:
        for name, text in (("payments/programmes.yaml", programmes), ("payments/cycles.yaml", CYCLES)):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text, "utf-8")
        (tmp_path / "registry").mkdir(exist_ok=True)
        for name in ("county.yaml", "registry/categories.yaml"):
            (tmp_path / name).write_text((DEMO / name).read_text("utf-8"), "utf-8")
        return tmp_path

    return write


def faults_of(folder: Path) -> tuple[Fault, ...]:
    with pytest.raises(CountyError) as refused:
        read_policy(County.load(folder))
    return refused.value.faults


def test_the_small_county_and_the_shipped_one_have_no_fault(county: Write) -> None:
    assert read_policy(County.load(county(PROGRAMMES))).order == ("tekun_support", "orphan_living")
    found = check_files(County.load(DEMO))
    assert found.faults == ()
    assert [one["key"] for one in found.content["programmes"]][:2] == ["old_age_allowance", "elder_service_subsidy"]


SPOILT = {
    "an unknown field": ("        child: true", "        chld: true", 31, "chld", "未知的字段"),
    "an amount with a fraction that is no text": ("yuan: 1300", "yuan: 13.5", 33, "amounts[0].yuan", "应为金额"),
    "a programme that is not there": ("orphan_living] }", "orphan] }", 9, "stacking[0].of", "没有项目 orphan"),
    "a category that is not on the register": ("category: orphan", "category: orfan", 25, "category", "没有 orfan"),
    "a standard that is not there": ("of: wage", "of: wages", 20, "amounts[0].of", "应为以下之一：wage"),
    "the higher of one": ("[tekun_support, orphan_living] }", "[tekun_support] }", 9, "stacking[0].of", "至少写 2 个"),
    "a row that never pays": (
        "          - { level: [none], yuan: 900, percent: 35, of: wage }\n          - { yuan: 900 }",
        "          - { yuan: 900 }\n          - { level: [none], yuan: 900, percent: 35, of: wage }",
        *(21, "amounts[1]", "永远用不到"),
    ),
    "a version that is not later": (
        "        amounts:\n          - { yuan: 1300 }",
        (
            "        amounts:\n          - { yuan: 1300 }\n"
            "      - { version: orphan@2, effective_from: 2024-01, start: month_after_decision, amounts: [{ yuan: 1 }] }"
        ),
        *(34, "versions[1]", "按顺序递增"),
    ),
    "certification of children": (
        "        child: true",
        "        child: true\n        certification: { every_months: 12, first_due: 2024-06 }",
        *(32, "certification", "儿童项目不作生存认证"),
    ),
    "a wrong type": ("    versions: [{ eff", "    versions: { eff", 7, "", "YAML"),
    "a key written twice": (
        "    name: 孤儿基本生活费",
        "    name: 孤儿\n    name: 孤儿基本生活费",
        24,
        "",
        "written twice",
    ),
    "a missing field": (
        "        start: month_after_decision\n        child: true",
        "        child: true",
        28,
        "start",
        "缺少",
    ),
    "a region that is none": (
        "        child: true",
        '        child: true\n        regions: ["99"]',
        32,
        "regions",
        "区划代码",
    ),
    "ages that nobody has": (
        "          - { yuan: 1300 }",
        "          - { yuan: 1300, from_age: 10, below_age: 10 }",
        *(33, "amounts[0].below_age", "无人符合"),
    ),
    "a share in two ways": ("percent: 35, of", 'percent: 35, share: "1/3", of', 20, "percent", "只写其一"),
    "a programme's group of nobody": (
        "  - key: orphan_living",
        (
            "  - { key: price_subsidy, name: 价补, rule: price_index, versions: [{ version: p@1, effective_from: 2024-01, "
            'cpi_percent: "3.5", food_percent: 6, formula: standard_times_scpi, of: wage, floor_yuan: 1, groups: [x] }] }\n'
            "  - key: orphan_living"
        ),
        *(22, "groups", "没有这个项目：x"),
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_fault_is_named_with_file_line_place_and_reason(name: str, county: Write) -> None:
    right, wrong, line, place, reason = SPOILT[name]
    assert right in PROGRAMMES
    (fault,) = faults_of(county(PROGRAMMES.replace(right, wrong)))
    assert (fault.file, fault.line) == ("payments/programmes.yaml", line)
    assert fault.place.endswith(place)
    assert reason in fault.reason


def test_all_faults_are_told_at_once_and_none_that_only_follows_from_another(county: Write) -> None:
    """A programme whose key cannot be read is no reason to call it unknown elsewhere."""
    spoilt = (
        PROGRAMMES.replace("policy_start: 2024-01", "policy_start: 2024-1")
        .replace("rule: status_amount\n    category: tekun", "rule: status\n    category: tekun")
        .replace(
            "effective_from: 2024-01\n        start: month_after_decision\n        child", "start: soon\n        child"
        )
    )
    found = {(fault.line, fault.place) for fault in faults_of(county(spoilt))}
    assert found == {
        (2, "policy_start"),
        (13, "programmes[0].rule"),
        (28, "programmes[1].versions[0].effective_from"),
        (29, "programmes[1].versions[0].start"),
    }


def test_the_service_checks_a_folder_without_database_or_settings(county: Write) -> None:
    """What `tuoqi policy check` runs for each service."""
    folder = county(PROGRAMMES.replace("yuan: 1300", "yuan: 13.5"))
    done = subprocess.run(
        [sys.executable, "-m", "tuoqi.payments", "check", str(folder)], capture_output=True, text=True, check=False
    )
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["service"]) == (1, "payments")
    assert ("payments/programmes.yaml", 33) in [(fault["file"], fault["line"]) for fault in answer["faults"]]
