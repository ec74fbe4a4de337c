"""Assessments 评估: a scale applied to a person on a day, its score and what level follows from it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

from tuoqi.registry.domain.categories import allowed_words, find_code
from tuoqi.registry.domain.cells import Cells, Flaws
from tuoqi.registry.domain.scales import Scale

_BETWEEN_ITEMS: Final = re.compile(r"[;；]")
_BETWEEN_NAMES: Final = re.compile(r"[;；,，、]")
_DIGITS_MAX: Final = 4


@dataclass(frozen=True, slots=True)
class Assessment:
    """One assessment, as it was loaded; it is never changed, a later one takes its place."""

    assessment_id: str
    scale: str
    assessed_on: date
    score: int
    """The sum of the items."""
    level: str
    """The level that the platform computed; empty where the scale has none."""
    loaded_order: int
    """Rises with every row loaded for the person: of equal dates the higher one counts."""
    private: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Sealed: answers, assessors, the level as they wrote it, reasons of a change."""
    known_at: datetime | None = field(default=None, compare=False)
    """When it became known; None until it is stored."""

    def says_the_same(self, other: Assessment) -> bool:
        """Whether the other is the same assessment loaded once more."""
        return (self.scale, self.assessed_on, self.private) == (other.scale, other.assessed_on, other.private)


def read_assessment(
    cells: Cells, scale: Scale, flaws: Flaws, *, today: date, born: date, new_id: str, order: int
) -> Assessment | None:
    """The assessment that a row speaks of; None where the row is rejected."""
    flaws.check_days(cells, ("assessed_on",), today=today, born=born)
    answers = _answers(cells.text("items"), flaws)
    _check_answers(answers, scale, flaws)
    written = _written_level(cells, scale, flaws)
    day = cells.day("assessed_on")
    if flaws.is_rejected() or day is None:
        return None
    score = sum(points for code, points in answers.items() if code not in scale.reasons)
    by_score = scale.level_of(score)
    changed_by = [code for code in scale.reasons if answers.get(code)]
    level = scale.reasons[changed_by[0]].level if changed_by else by_score
    _warn(cells, scale, flaws, written=written, level=level)
    private = {
        "items": ";".join(f"{code}={points}" for code, points in sorted(answers.items())),
        "assessors": cells.text("assessors"),
        "written": written,
        "by_score": by_score,
        "changed_by": ";".join(changed_by),
    }
    return Assessment(new_id, scale.key, day, score, level, order, private)


def is_repeated(assessments: Sequence[Assessment], row: Assessment) -> bool:
    """Whether the one of that scale and day which was loaded last says the same already."""
    same_day = [one for one in assessments if (one.scale, one.assessed_on) == (row.scale, row.assessed_on)]
    return bool(same_day) and max(same_day, key=lambda one: one.loaded_order).says_the_same(row)


def _answers(text: str, flaws: Flaws) -> dict[str, int]:
    answers: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in _BETWEEN_ITEMS.split(text))):
        code, equals, points = (piece.strip() for piece in part.partition("="))
        if not code or not equals or not (points.isascii() and points.isdigit()) or len(points) > _DIGITS_MAX:
            flaws.reject("items", "", f"“{part}”不是“项目=得分”的写法，各项以分号分开，得分为非负整数。")
        elif code in answers:
            flaws.reject("items", "", f"项目“{code}”出现了不止一次。")
        else:
            answers[code] = int(points)
    return answers


def _check_answers(answers: Mapping[str, int], scale: Scale, flaws: Flaws) -> None:
    unlisted = [code for code in answers if code not in scale.items and code not in scale.reasons]
    if unlisted and scale.other_items:
        flaws.warn("items", "", f"量表中没有项目“{'、'.join(unlisted)}”，得分照计。")
    elif unlisted:
        allowed = "、".join([*scale.items, *scale.reasons])
        flaws.reject("items", "", f"量表“{scale.name}”没有项目“{'、'.join(unlisted)}”，可填：{allowed}。")
    for code, points in answers.items():
        most = 1 if code in scale.reasons else scale.items[code].points if code in scale.items else points
        if points > most:
            flaws.reject("items", "", f"项目“{code}”的得分 {points} 超过最高分 {most}。")
    missing = [code for code in scale.items if code not in answers]
    if missing and scale.all_items and not flaws.is_rejected():
        flaws.reject("items", "", f"量表“{scale.name}”各项都须评分，缺：{'、'.join(missing)}。")
    elif not answers and not flaws.is_rejected():
        flaws.reject("items", "", "各项得分不能为空。")


def _written_level(cells: Cells, scale: Scale, flaws: Flaws) -> str:
    written = cells.text("level")
    if not written or not scale.levels:
        return written
    code = find_code(written, scale.levels)
    if not code:
        flaws.reject("level", written, f"不在允许的范围内，可填：{allowed_words(scale.levels)}。")
    return code


def _warn(cells: Cells, scale: Scale, flaws: Flaws, *, written: str, level: str) -> None:
    signed = len([name for name in _BETWEEN_NAMES.split(cells.text("assessors")) if name.strip()])
    if signed < scale.assessors and scale.assessors > 1:
        flaws.warn("assessors", "", f"量表“{scale.name}”须由 {scale.assessors} 名评估人签字，只有 {signed} 名。")
    if written and scale.levels and written != level:
        flaws.warn(
            "level", "", f"评估等级为“{_word(scale, written)}”，平台按各项得分算得“{_word(scale, level)}”，请核对。"
        )


def _word(scale: Scale, level: str) -> str:
    return scale.levels[level][0]
