"""What a row of persons.csv does to a person: registers, updates, or is rejected with its reasons."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from tuoqi.registry.domain.cells import Cells, Flaws
from tuoqi.registry.domain.contact import is_odd_name, is_phone, normalise_name, normalise_phone
from tuoqi.registry.domain.identity import birth_in, normalise_card, normalise_number, number_flaw, passes_luhn, sex_in
from tuoqi.registry.domain.person import HukouSince, Person

PRIVATE: Final = (
    "name", "ethnic", "address", "phone", "household_no", "relation_to_head", "guardian_name", "guardian_id_number",
    "guardian_phone", "account_no", "account_name", "account_holder_id", "bank", "note",
)  # fmt: skip
_SEALED: Final = ("id_number", "temp_id", *PRIVATE)
NUMBERS: Final = ("id_number", "guardian_id_number", "account_holder_id")
_NAMES: Final = ("name", "guardian_name")
_PHONES: Final = ("phone", "guardian_phone")
_PROVINCE: Final = 2
"""How many digits of a region's code or an identity number name the province."""
_KEPT_FOR_EVER: Final = ("name", "id_number", "sex", "birth_date", "hukou_region")
_SEX_WORDS: Final = {"M": "男", "F": "女"}


@dataclass(frozen=True, slots=True)
class Regions:
    """What is known of regions while rows are read."""

    known: Collection[str]
    county: str
    """Codes that begin so are the county's own; one of them that nobody loaded is doubtful."""

    def is_doubtful(self, code: str) -> bool:
        """A region of this county that is not on the list."""
        return code.startswith(self.county) and code not in self.known


def normalise(cells: Cells, flaws: Flaws) -> Cells:
    """The same cells with numbers, names and phones in one form; flaws for what cannot be right or looks odd."""
    given = dict(cells.given)
    _normalise_numbers(given, flaws)
    if "account_no" in given:
        card = given["account_no"] = normalise_card(given["account_no"])
        if not passes_luhn(card):
            flaws.warn("account_no", card, "收款账号的校验位不对，请核对。")
    for column in _NAMES:
        if column in given:
            name = given[column] = normalise_name(given[column])
            if is_odd_name(name):
                flaws.warn(column, name, "姓名一般为 2 至 20 个字，请核对。")
    for column in _PHONES:
        if column in given:
            phone = given[column] = normalise_phone(given[column])
            if not is_phone(phone):
                flaws.warn(column, phone, "不像手机或固定电话号码，已照原样登记，请核对。")
    return Cells(given, cells.cleared)


def _normalise_numbers(given: dict[str, Any], flaws: Flaws) -> None:
    checked: dict[str, str] = {}
    for column in NUMBERS:
        if column not in given:
            continue
        number = given[column] = normalise_number(given[column])
        if number not in checked:
            # Most people hold their own account: the same number twice in a row.
            checked[number] = number_flaw(number)
        wrong = checked[number]
        if wrong and column == "account_holder_id":
            flaws.warn(column, number, wrong)
        elif wrong:
            flaws.reject(column, number, wrong)


def apply_person_row(
    before: Person | None, cells: Cells, flaws: Flaws, *, new_id: str, today: date, regions: Regions
) -> Person | None:
    """The person after the row of normalised cells; None where the row is rejected (see `flaws`).

    An empty cell leaves what is stored, a cleared one empties it. `household_id` is the caller's to follow.
    """
    _check_cleared(before, cells, flaws)
    number = cells.text("id_number") or (before.number if before else "")
    if before and before.number and number != before.number:
        flaws.reject("id_number", number, "该临时编号的人员已登记另一证件号码。")
    birth, sex = _born(before, cells, flaws, number)
    if before is None:
        _check_first(cells, flaws, birth, sex)
    flaws.check_days(cells, ("birth_date",), today=today, born=None)
    flaws.check_days(cells, ("death_date",), today=today, born=birth)
    if birth is not None and birth > today and "birth_date" not in cells.given:
        flaws.reject("id_number", number, "证件号码中的出生日期晚于导入当日。")
    for column in ("hukou_region", "residence_region"):
        if regions.is_doubtful(cells.text(column)):
            flaws.warn(column, cells.text(column), "本县区划中没有这个代码，请核对。")
    _compare_provinces(cells, flaws)
    if flaws.is_rejected() or birth is None:
        return None
    return _merged(before, cells, new_id=new_id, birth=birth, sex=sex, today=today)


def _compare_provinces(cells: Cells, flaws: Flaws) -> None:
    # Within a province codes were cut anew so often, and people move so often, that a difference there says nothing.
    number, region = cells.text("id_number"), cells.text("hukou_region")
    if number and region and number[:_PROVINCE] != region[:_PROVINCE]:
        flaws.warn("id_number", number, "证件号码与户籍区划不在同一省，请核对；外省迁入的不必改。")


def _check_cleared(before: Person | None, cells: Cells, flaws: Flaws) -> None:
    for column in _KEPT_FOR_EVER:
        if column in cells.cleared:
            flaws.reject(column, "清空", "此项不能清空。")
    has_number = bool(cells.text("id_number") or (before and before.number))
    if "temp_id" in cells.cleared and not has_number:
        flaws.reject("temp_id", "清空", "没有证件号码的人员必须有临时编号。")


def _check_first(cells: Cells, flaws: Flaws, birth: date | None, sex: str) -> None:
    for column, title in (("name", "姓名"), ("hukou_region", "户籍区划")):
        if not cells.text(column) and column not in cells.cleared:
            flaws.reject(column, "", f"首次登记必须填写{title}。")
    number_is_bad = _is_flawed(flaws, "id_number")
    if birth is None and not number_is_bad:
        flaws.reject("birth_date", "", "没有证件号码的人员必须填写出生日期。")
    if not sex and not number_is_bad:
        flaws.reject("sex", "", "没有证件号码的人员必须填写性别。")


def _born(before: Person | None, cells: Cells, flaws: Flaws, number: str) -> tuple[date | None, str]:
    """Birth date and sex: the number's where there is one, and then the row must agree."""
    given_birth, given_sex = cells.day("birth_date"), cells.text("sex")
    if not number or _is_flawed(flaws, "id_number"):
        return (
            given_birth or (before.birth_date if before else None),
            given_sex or (before.sex if before else ""),
        )
    birth, sex = birth_in(number), sex_in(number)
    if given_birth is not None and given_birth != birth:
        flaws.reject("birth_date", given_birth, "出生日期与证件号码不一致。")
    if given_sex and given_sex != sex:
        flaws.reject("sex", _SEX_WORDS[given_sex], "性别与证件号码不一致。")
    return birth, sex


def _is_flawed(flaws: Flaws, column: str) -> bool:
    return bool(flaws.found) and any(flaw.column == column and not flaw.only_warning for flaw in flaws.found)


def _merged(before: Person | None, cells: Cells, *, new_id: str, birth: date, sex: str, today: date) -> Person:
    region = cells.text("hukou_region")
    if before is None:
        return Person(
            person_id=new_id,
            birth_date=birth,
            sex=sex,
            hukou=(HukouSince(region, today),),
            residence_region=cells.text("residence_region"),
            died_on=cells.day("death_date"),
            private={column: str(cells.given[column]) for column in _SEALED if column in cells.given},
        )
    hukou = before.hukou
    if region and hukou[-1].region != region:
        hukou = (*hukou, HukouSince(region, today))
    died_on = None if "death_date" in cells.cleared else cells.day("death_date") or before.died_on
    private = merge_private(before.private, cells, _SEALED)
    if died_on != before.died_on:
        private.pop("death_source", None)
    after = replace(
        before,
        birth_date=birth,
        sex=sex,
        hukou=hukou,
        residence_region=_open_text(cells, "residence_region", before.residence_region),
        died_on=died_on,
        private=private,
    )
    return before if after == before else after


def _open_text(cells: Cells, column: str, stored: str) -> str:
    return "" if column in cells.cleared else cells.text(column) or stored


def merge_private(stored: Mapping[str, str], cells: Cells, columns: Collection[str]) -> dict[str, str]:
    """Sealed texts after a row: given ones replace, cleared ones go, the others stay."""
    merged = dict(stored)
    for column in columns:
        if column in cells.cleared:
            merged.pop(column, None)
        elif column in cells.given:
            merged[column] = str(cells.given[column])
    return merged
