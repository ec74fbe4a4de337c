"""The synthetic county: repeatable, right by the file contract, of the promised size."""

import time
from collections import Counter, defaultdict
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from tuoqi.cli.county import CountySummary, generate_county
from tuoqi.cli.county.check import CATEGORIES, Row, key_of, rows_of, validate_files

LOADED = "2026-11-01"


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CountySummary]:
    """The county in its default size."""
    out = tmp_path_factory.mktemp("county")
    return out, generate_county(out)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_same_arguments_give_the_same_bytes_and_another_seed_gives_others(tmp_path: Path) -> None:
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        generate_county(tmp_path / name, persons=500, seed=seed)
    first, again, other = (contents(tmp_path / name) for name in "abc")
    assert first == again
    assert {name for name in first if first[name] == other[name]} == {"regions.csv"}


@pytest.mark.parametrize(
    ("persons", "month"), [(100, "2026-11"), (500, "2024-02"), (1_777, "2026-03"), (500, "2028-12")]
)
def test_small_counties_of_any_month_break_no_rule_of_the_file_contract(
    tmp_path: Path, persons: int, month: str
) -> None:
    summary = generate_county(tmp_path, persons=persons, seed=persons, month=month)
    assert validate_files(tmp_path, f"{month}-01") == []
    assert summary.rows["persons.csv"] == persons


def test_the_county_breaks_no_rule_of_the_file_contract(county: tuple[Path, CountySummary]) -> None:
    assert validate_files(county[0], LOADED) == []


def test_files_are_as_the_platform_writes_them(county: tuple[Path, CountySummary]) -> None:
    """UTF-8 with BOM, every line ends in CRLF, nothing else is left in the folder, the summary counts the rows."""
    folder, summary = county
    for name, content in contents(folder).items():
        assert content.startswith(b"\xef\xbb\xbf")
        assert content.count(b"\n") == content.count(b"\r\n") == summary.rows[name] + 1
    assert set(contents(folder)) == set(summary.rows)


def test_the_default_county_has_the_promised_size(county: tuple[Path, CountySummary]) -> None:
    folder, summary = county
    ages = Counter(age_on(row["birth_date"]) for row in rows_of(folder / "persons.csv"))
    assert sum(ages.values()) == 25_000
    assert sum(count for age, count in ages.items() if age < 18) == summary.children == 6_676
    assert sum(count for age, count in ages.items() if age >= 60) == summary.elders == 15_147
    assert 12_500 < summary.payees_any < 13_500
    assert 3_900 < summary.payees["old_age_allowance"] < 4_300
    assert 9_500 < summary.rows["visits.csv"] < 11_000
    assert [summary.rows[name] for name in ("deaths.csv", "moves.csv", "deaths-late.csv")] == [20, 20, 1]
    kinds = Counter(row["kind"] for row in rows_of(folder / "regions.csv") if row["code"].startswith("990101"))
    assert kinds["town"] + kinds["township"] == 9


def test_every_category_occurs_and_the_sealed_one_is_rare(county: tuple[Path, CountySummary], tmp_path: Path) -> None:
    generate_county(tmp_path, persons=500)
    for folder in (county[0], tmp_path):
        counts = Counter(row["category"] for row in rows_of(folder / "statuses.csv"))
        assert set(counts) == CATEGORIES
        assert 1 <= counts["orphan_type_c"] <= 6


def test_expected_payees_agree_with_a_count_from_the_files(county: tuple[Path, CountySummary]) -> None:
    folder, summary = county
    persons = {key_of(row): row for row in rows_of(folder / "persons.csv")}
    gone = {key_of(row) for row in rows_of(folder / "deaths.csv")}
    gone |= {key_of(row) for row in rows_of(folder / "moves.csv") if not row["returned_on"]}
    paid: dict[str, set[str]] = {"old_age_allowance": set(), "dibao": set()}
    for (who, category), row in last_decided(folder).items():
        if row["decided_on"] >= LOADED or (row["ended_on"] and row["ended_on"] < LOADED):
            continue
        if category == "dibao":
            paid["dibao"].add(who)
        old = age_on(persons[who]["birth_date"], "2026-10-31") >= 80
        if category == "old_age_accepted" and old and persons[who]["hukou_region"].startswith("990101"):
            paid["old_age_allowance"].add(who)
    assert {name: len(whom) for name, whom in paid.items()} == summary.payees
    assert len(paid["dibao"] | paid["old_age_allowance"]) == summary.payees_any
    assert {name: len(whom - gone) for name, whom in paid.items()} == summary.payees_after_lists
    assert len((paid["dibao"] | paid["old_age_allowance"]) - gone) == summary.payees_any_after_lists


def test_households_have_one_head_and_dibao_belongs_to_all_members(county: tuple[Path, CountySummary]) -> None:
    folder, _ = county
    households: dict[str, list[Row]] = defaultdict(list)
    for row in rows_of(folder / "persons.csv"):
        households[row["household_no"]].append(row)
    decisions: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for row in rows_of(folder / "statuses.csv"):
        if row["category"] == "dibao":
            decisions[key_of(row)].append(
                tuple(row[name] for name in ("decided_on", "applied_on", "amount", "ended_on"))
            )
    for members in households.values():
        assert [row["relation_to_head"] for row in members].count("户主") == 1
        assert len({tuple(decisions[key_of(row)]) for row in members}) == 1


def test_children_have_a_guardian_and_his_account(county: tuple[Path, CountySummary]) -> None:
    """The account is the guardian's own; few rows lack its holder; welfare-home children have none."""
    children = [row for row in rows_of(county[0] / "persons.csv") if age_on(row["birth_date"]) < 18]
    assert all(row["guardian_name"] for row in children)
    registered = {row["id_number"] for row in rows_of(county[0] / "persons.csv")}
    on_register = sum(row["guardian_id_number"] in registered for row in children)
    assert 0.5 < on_register / len(children) < 0.9
    unclear = [row for row in children if row["account_no"] and row["account_holder_id"] != row["guardian_id_number"]]
    assert 0 < len(unclear) < 0.01 * len(children)
    assert all(row["account_name"] == row["guardian_name"] for row in children if row["account_no"])


def test_a_few_people_have_no_number_a_foreign_hukou_a_rare_character_or_a_dotted_name(
    county: tuple[Path, CountySummary],
) -> None:
    persons = rows_of(county[0] / "persons.csv")
    assert sum(bool(row["temp_id"]) for row in persons) == 75
    assert 90 <= sum(not row["hukou_region"].startswith("990101") for row in persons) <= 110
    assert sum(any(ord(char) > 0xFFFF for char in row["name"]) for row in persons) > 10
    assert sum("·" in row["name"] for row in persons) > 50


def test_facilities_keep_the_eighteen_sites_figures(county: tuple[Path, CountySummary]) -> None:
    facilities = rows_of(county[0] / "facilities.csv")
    sites = [row for row in facilities if row["kind"] == "elder_child_home"]
    assert len(sites) == 18
    assert sum(round(float(row["total_area_m2"]) * 10) for row in sites) == 524_731
    assert sum(int(row["outdoor_m2"]) for row in sites) == 33_560
    assert Counter(row["batch"] for row in sites) == {"first_demo": 4, "second_rollout": 14}
    assert sites[14]["fire_equipment"] == "正在建设中还未配置"
    homes = [row for row in facilities if row["beds"]]
    assert len(homes) == 6
    assert all(row["account_no"] for row in homes)


def test_one_old_home_has_forty_residents_and_the_centre_free_beds_for_them(county: tuple[Path, CountySummary]) -> None:
    folder, _ = county
    beds = {row["code"]: int(row["beds"] or 0) for row in rows_of(folder / "facilities.csv")}
    residents = Counter(row["facility"] for row in rows_of(folder / "stays.csv"))
    assert residents["JLY02"] == 40
    assert beds["JLY02"] > 40
    assert beds["JLY01"] - residents["JLY01"] >= 40
    tekun = {who: row["subtype"] for (who, category), row in last_decided(folder).items() if category == "tekun"}
    in_homes = {key_of(row) for row in rows_of(folder / "stays.csv") if row["facility"].startswith("JLY")}
    assert {tekun[who] for who in in_homes} == {"centralised"}
    assert in_homes == {who for who, subtype in tekun.items() if subtype == "centralised"}


def test_every_left_behind_child_has_a_guardian_and_few_lack_the_confirmation(
    county: tuple[Path, CountySummary],
) -> None:
    folder, _ = county
    rows = rows_of(folder / "guardianship.csv")
    left_behind = {who for (who, category) in last_decided(folder) if category == "left_behind_child"}
    assert left_behind == {key_of(row) for row in rows if row["kind"] != "institution"}
    entrusted = [row for row in rows if row["kind"] == "entrusted"]
    assert 0.02 < sum(not row["signed_on"] for row in entrusted) / len(entrusted) < 0.08


def test_nobody_who_lives_in_a_home_is_visited_and_a_high_score_wants_weekly_visits(
    county: tuple[Path, CountySummary],
) -> None:
    folder, _ = county
    visited = Counter(key_of(row) for row in rows_of(folder / "visits.csv"))
    assert not any(visited[key_of(row)] for row in rows_of(folder / "stays.csv"))
    scores = {
        key_of(row): sum(int(item.split("=")[1]) for item in row["items"].split(";"))
        for row in rows_of(folder / "assessments.csv")
        if row["scale"] == "guardianship"
    }
    red = [who for who, score in scores.items() if score >= 60]
    assert len(red) > 10
    assert sum(visited[who] >= 4 for who in red) > 0.8 * len(red)


def test_weekly_visits_leave_no_gap_of_more_than_seven_days_but_for_those_missed(
    county: tuple[Path, CountySummary],
) -> None:
    """An old person of 80 or more who lives alone is due every seven days from the loading day; 3 % are missed."""
    folder, summary = county
    persons = {key_of(row): row for row in rows_of(folder / "persons.csv")}
    gone = {key_of(row) for name in ("deaths.csv", "moves.csv", "deaths-late.csv") for row in rows_of(folder / name)}
    weekly = {
        who
        for (who, category), row in last_decided(folder).items()
        if category == "living_alone_elder" and not row["ended_on"] and age_on(persons[who]["birth_date"]) >= 80
    } - gone
    met: dict[str, list[date]] = {who: [date(2026, 11, 1)] for who in weekly}
    for row in rows_of(folder / "visits.csv"):
        if row["result"] in {"MET", "INFORMANT_ONLY"} and key_of(row) in met:
            met[key_of(row)].append(date.fromisoformat(row["started_at"][:10]))
    missed = {who for who, days in met.items() if len(days) == 1}
    assert summary.missed_visit_id_number in missed
    assert 0.005 < len(missed) / len(weekly) < 0.06
    for who in weekly - missed:
        days = [*met[who], date(2026, 11, 30)]
        assert max(b - a for a, b in pairwise(days)) <= timedelta(days=7)


def test_the_late_files_tell_the_demonstration(county: tuple[Path, CountySummary]) -> None:
    """One paid old person is dead since the month before and met by nobody; who was missed is visited afterwards."""
    folder, summary = county
    (death,) = rows_of(folder / "deaths-late.csv")
    assert key_of(death) == summary.late_death_id_number
    assert "2026-10-01" <= death["death_date"] <= "2026-10-31"
    latest = last_decided(folder)
    for who in (summary.late_death_id_number, summary.missed_visit_id_number):
        assert latest[who, "living_alone_elder"]["ended_on"] == ""
        assert latest[who, "old_age_accepted"]["decided_on"] < "2026-01-01"
        assert (who, "dibao") not in latest
    results = [row["result"] for row in rows_of(folder / "visits.csv") if key_of(row) == summary.late_death_id_number]
    assert results == ["NOT_FOUND"]
    late = [row for row in rows_of(folder / "visits-late.csv") if key_of(row) == summary.missed_visit_id_number]
    assert [row["result"] for row in late] == ["MET"]
    assert late[0]["started_at"] > "2026-12-01"


def test_the_county_grows_in_proportion(county: tuple[Path, CountySummary], tmp_path: Path) -> None:
    tenth = generate_county(tmp_path, persons=2_500)
    for name in ("persons.csv", "statuses.csv", "visits.csv"):
        assert tenth.rows[name] == pytest.approx(county[1].rows[name] / 10, rel=0.12)
    assert tenth.payees_any == pytest.approx(county[1].payees_any / 10, rel=0.1)


def test_a_small_county_is_quick_and_progress_ends_at_the_total(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    begun = time.process_time()
    generate_county(tmp_path, persons=500, progress=lambda *step: told.append(step))
    assert time.process_time() - begun < 0.5
    assert told[-1] == ("persons", 500, 500)


@pytest.mark.parametrize(
    ("persons", "month"), [(99, "2026-11"), (2_000_001, "2026-11"), (500, "2026-13"), (500, "26-11")]
)
def test_what_cannot_be_made_is_refused_before_a_file_is_written(tmp_path: Path, persons: int, month: str) -> None:
    with pytest.raises(ValueError, match=r"persons must|not a month"):
        generate_county(tmp_path / "out", persons=persons, month=month)
    assert not (tmp_path / "out").exists()


def age_on(birth: str, day: str = LOADED) -> int:
    """Completed years; nobody here is born on 29 February and looked at on 28 February."""
    return int(day[:4]) - int(birth[:4]) - (day[5:] < birth[5:])


def last_decided(folder: Path) -> dict[tuple[str, str], Row]:
    """Of each person and category the row decided last."""
    rows = sorted(rows_of(folder / "statuses.csv"), key=lambda row: row["decided_on"])
    return {(key_of(row), row["category"]): row for row in rows}


def test_every_village_has_a_child_director_but_for_three_and_every_township_a_supervisor(
    county: tuple[Path, CountySummary],
) -> None:
    folder, _ = county
    workers = rows_of(folder / "workers.csv")
    held = Counter(row["post"] for row in workers if not row["to"])
    assert (held["village_child_director"], held["township_child_supervisor"], held["grid_worker"]) == (89, 9, 92)
    assert held["loving_mother"] == 1_060
    assert sum(bool(row["to"]) for row in workers) == 1
    registered = {row["id_number"] for row in rows_of(folder / "persons.csv")}
    assert {row["post"] for row in workers if row["id_number"] in registered} == {"loving_mother"}
    assert sum(row["id_number"] in registered for row in workers) == 106
