"""Checks a county's files against the public file contract: what an import would reject, and references to nobody.

It reads the files alone and shares no code with the generator but the arithmetic of numbers.
"""

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Final

from tuoqi.cli.county.identity import birth_date_of, id_number_problem, is_luhn_valid, sex_of

Row = dict[str, str]

LEVELS: Final = {"tekun": {"full", "half", "none"}, "disability": set("1234"), "disabled_elder": set("01234")}
SUBTYPES: Final = {
    "tekun": {"centralised", "scattered"},
    "orphan": {"dispersed", "institution"},
    "disability": set("1234567"),
}
CATEGORIES: Final = {
    *("living_alone_elder", "empty_nest_elder", "left_behind_elder", "disabled_elder", "one_child_loss_family"),
    *("tekun", "dibao", "dibao_edge", "left_behind_child", "child_in_difficulty", "orphan", "orphan_type_c"),
    *("de_facto_unattended_child", "disability", "in_school", "old_age_accepted", "elder_service_accepted"),
}
KINDS: Final = {
    *("regional_elder_center", "township_elder_home", "child_welfare_home"),
    *("elder_child_home", "protection_center", "protection_station", "protection_room"),
}
SINGLE_POSTS: Final = {"village_child_director", "township_child_supervisor"}
POSTS: Final = SINGLE_POSTS | {
    "grid_worker",
    "loving_mother",
    "mutual_aid_volunteer",
    "family_guide",
    "paired_official",
}
GUARDIANSHIPS: Final = {"natural", "entrusted", "appointed", "institution"}
LEVEL_UP_TO: Final = {
    "GBT42195": (("4", 29), ("3", 45), ("2", 65), ("1", 89), ("0", 90)),
    "tekun_self_care": (("full", 0), ("half", 3), ("none", 6)),
    "guardianship": (),
}
"""Scale → levels with the highest total of each."""
ABILITY_ITEMS: Final = 26
_NAME_LENGTHS: Final = range(2, 21)


def rows_of(path: Path) -> list[Row]:
    """The rows of a file by their English keys."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        keys = [cell.partition("[")[2].removesuffix("]") for cell in next(reader)]
        return [dict(zip(keys, row, strict=True)) for row in reader]


def key_of(row: Row) -> str:
    """Whom a row is about: the identity number, else the temporary one."""
    return row["id_number"] or row["temp_id"]


def validate_files(folder: Path, loaded: str) -> list[str]:
    """Everything an import on the day `loaded` (ISO) would reject, and references that lead nowhere."""
    regions = {row["code"] for row in rows_of(folder / "regions.csv")}
    births = {key_of(row): row["birth_date"] for row in rows_of(folder / "persons.csv")}
    return [
        *_regions(folder),
        *_persons(folder, regions, loaded),
        *_statuses(folder, births, loaded),
        *_facilities(folder, regions),
        *_stays(folder, births, loaded),
        *_guardianship(folder, births, loaded),
        *_assessments(folder, births, loaded),
        *_workers(folder, regions, loaded),
        *_lists(folder, births, loaded),
        *_visits(folder, births, loaded),
    ]


def _regions(folder: Path) -> Iterator[str]:
    """Codes of twelve digits, parents before children."""
    seen: set[str] = set()
    for row in rows_of(folder / "regions.csv"):
        if not re.fullmatch(r"\d{12}", row["code"]) or row["code"] in seen or not row["name"]:
            yield f"region {row}"
        if row["parent"] not in seen and seen:
            yield f"region before its parent {row}"
        seen.add(row["code"])


def _persons(folder: Path, regions: set[str], loaded: str) -> Iterator[str]:
    """Numbers, birth, regions, guardian, phone, account and name."""
    numbers: Counter[str] = Counter()
    for row in rows_of(folder / "persons.csv"):
        number = row["id_number"]
        numbers[key_of(row)] += 1
        if bool(number) == bool(row["temp_id"]):
            yield f"not one number {row}"
        guardian_wrong = row["guardian_id_number"] and id_number_problem(row["guardian_id_number"])
        if number and (id_number_problem(number) or not number.startswith(row["hukou_region"][:6])):
            yield f"number {row}"
        if number and (birth_date_of(number).isoformat(), sex_of(number)) != (row["birth_date"], row["sex"]):
            yield f"birth or sex {row}"
        if not {row["hukou_region"], row["residence_region"]} <= regions or not row["birth_date"] < loaded:
            yield f"region or birth {row}"
        if guardian_wrong or not re.fullmatch(r"(199\d{8})?", row["phone"]):
            yield f"guardian or phone {row}"
        if row["account_no"] and not (row["account_no"].startswith("629999") and is_luhn_valid(row["account_no"])):
            yield f"account {row}"
        if len(row["name"]) not in _NAME_LENGTHS or row["death_date"]:
            yield f"name {row}"
    yield from (f"twice {number}" for number, count in numbers.items() if count > 1)


def _statuses(folder: Path, births: dict[str, str], loaded: str) -> Iterator[str]:
    """Dates in order, what each category requires, no interval twice."""
    seen: set[tuple[str, ...]] = set()
    for row in rows_of(folder / "statuses.csv"):
        category, birth = row["category"], births[key_of(row)]
        told = [row[name] for name in ("applied_on", "decided_on") if row[name]]
        later = [row[name] for name in ("ended_on", "valid_until") if row[name]]
        if not all(birth <= day <= loaded for day in told) or not all(day >= row["decided_on"] for day in later):
            yield f"dates {row}"
        if not row["decided_on"] or (row["applied_on"] or row["decided_on"]) > row["decided_on"]:
            yield f"order {row}"
        if category not in CATEGORIES or row["level"] not in LEVELS.get(category, {""}):
            yield f"category or level {row}"
        if category in SUBTYPES and row["subtype"] not in SUBTYPES[category]:
            yield f"subtype {row}"
        paid = re.fullmatch(r"\d+\.\d\d", row["amount"]) and row["amount"].strip("0.")
        if bool(paid) != (category == "dibao") or (row["amount"] and not paid):
            yield f"amount {row}"
        same = tuple(row[name] for name in ("category", "subtype", "level", "applied_on", "decided_on"))
        if (key_of(row), *same) in seen:
            yield f"same interval twice {row}"
        seen.add((key_of(row), *same))


def _facilities(folder: Path, regions: set[str]) -> Iterator[str]:
    """Required columns, codes once, accounts."""
    codes = Counter(row["code"] for row in rows_of(folder / "facilities.csv"))
    yield from (f"twice {code}" for code, count in codes.items() if count > 1)
    for row in rows_of(folder / "facilities.csv"):
        if not row["name"] or row["kind"] not in KINDS or row["region"] not in regions:
            yield f"facility {row}"
        if row["account_no"] and not is_luhn_valid(row["account_no"]):
            yield f"account {row}"


def _workers(folder: Path, regions: set[str], loaded: str) -> Iterator[str]:
    """Numbers, posts in their villages or townships, dates in order, no single post twice."""
    held: Counter[tuple[str, str]] = Counter()
    for row in rows_of(folder / "workers.csv"):
        if id_number_problem(row["id_number"]) or not row["name"] or row["region"] not in regions:
            yield f"worker {row}"
        if row["post"] not in POSTS or not row["from"] <= (row["to"] or loaded) <= loaded:
            yield f"post {row}"
        if row["post"] in SINGLE_POSTS and not row["to"]:
            held[row["post"], row["region"]] += 1
    yield from (f"post held twice {key}" for key, count in held.items() if count > 1)


def _stays(folder: Path, births: dict[str, str], loaded: str) -> Iterator[str]:
    """In facilities that exist, one stay a person, never more than beds."""
    beds = {row["code"]: int(row["beds"] or 0) for row in rows_of(folder / "facilities.csv")}
    rows = rows_of(folder / "stays.csv")
    taken = Counter(row["facility"] for row in rows)
    yield from (f"too many in {code}" for code, count in taken.items() if count > beds.get(code, 0))
    yield from (f"two stays {who}" for who, count in Counter(map(key_of, rows)).items() if count > 1)
    yield from (f"stay {row}" for row in rows if not births[key_of(row)] <= row["from"] <= loaded or row["to"])


def _guardianship(folder: Path, births: dict[str, str], loaded: str) -> Iterator[str]:
    """A guardian with a name and a number that can be right; dates in order."""
    for row in rows_of(folder / "guardianship.csv"):
        wrong = row["guardian_id_number"] and id_number_problem(row["guardian_id_number"])
        if wrong or not row["guardian_name"] or row["kind"] not in GUARDIANSHIPS:
            yield f"guardian {row}"
        if not all(births[key_of(row)] <= day <= loaded for day in (row["from"], row["signed_on"] or row["from"])):
            yield f"guardianship dates {row}"


def _assessments(folder: Path, births: dict[str, str], loaded: str) -> Iterator[str]:
    """Scales that exist, every answer a number, the level that follows from them."""
    for row in rows_of(folder / "assessments.csv"):
        answers = dict(item.split("=") for item in row["items"].split(";"))
        total = sum(map(int, answers.values()))
        level = next((level for level, most in LEVEL_UP_TO.get(row["scale"], ()) if total <= most), "")
        if row["scale"] not in LEVEL_UP_TO or row["level"] != level or "、" not in row["assessors"]:
            yield f"assessment {row}"
        if row["scale"] == "GBT42195" and len(answers) != ABILITY_ITEMS:
            yield f"items {row}"
        if not births[key_of(row)] <= row["assessed_on"] <= loaded:
            yield f"assessment day {row}"


def _lists(folder: Path, births: dict[str, str], loaded: str) -> Iterator[str]:
    """Deaths, moves and price index; nobody is listed twice."""
    listed: Counter[str] = Counter()
    for name in ("deaths.csv", "deaths-late.csv"):
        for row in rows_of(folder / name):
            listed[key_of(row)] += 1
            if not births[key_of(row)] < row["death_date"] <= loaded:
                yield f"death {row}"
    for row in rows_of(folder / "moves.csv"):
        listed[key_of(row)] += 1
        if not births[key_of(row)] < row["moved_out_on"] <= (row["returned_on"] or loaded) <= loaded:
            yield f"move {row}"
    yield from (f"listed twice {key}" for key, count in listed.items() if count > 1)
    for row in rows_of(folder / "price_index.csv"):
        values = (row["cpi_yoy"], row["food_yoy"], row["scpi_yoy"])
        if not all(re.fullmatch(r"-?\d+\.\d", value) for value in values) or not row["published_on"] <= loaded:
            yield f"index {row}"


def _visits(folder: Path, births: dict[str, str], loaded: str) -> Iterator[str]:
    """Visits after the loading day, each id once, in the order of time."""
    ids: Counter[str] = Counter()
    times = defaultdict(list)
    for name in ("visits.csv", "visits-late.csv"):
        for row in rows_of(folder / name):
            ids[row["visit_id"]] += 1
            times[name].append(row["started_at"])
            day = date.fromisoformat(row["started_at"][:10]).isoformat()
            if key_of(row) not in births or day <= loaded or not re.fullmatch(r"[ 0-9:-]{16}", row["started_at"]):
                yield f"visit {row}"
            if row["result"] not in {"MET", "INFORMANT_ONLY", "NOT_FOUND", "REFUSED"} or not row["visitor"]:
                yield f"result {row}"
    yield from (f"visit twice {key}" for key, count in ids.items() if count > 1)
    yield from (f"{name} not in order of time" for name, told in times.items() if told != sorted(told))
