"""What is typed to find people, read and checked without a database."""

from __future__ import annotations

from datetime import date

import pytest

from tuoqi.registry.domain.query import Query, UnclearTerm, born_between, read_query
from tuoqi.registry.domain.search import Readings, person_features
from tuoqi.registry.store.tokens import Tokens, readings


@pytest.fixture(scope="module")
def table() -> Readings:
    return readings()


def finds(table: Readings, typed: str, name: str, **texts: str) -> bool:
    """Whether somebody of this name is among the candidates of the index, and is meant."""
    query = read_query([typed], table)
    has = person_features({"name": name, **texts}, table)
    candidate = all(
        any(has.issuperset(one.all_of) and all(has.intersection(group) for group in one.any_of) for one in clauses)
        for clauses in query.clauses()
    )
    meant = query.fits({"name": name, **texts}, table)
    assert candidate or not meant, "the index must never hide whom the check would find"
    return candidate and meant


@pytest.mark.parametrize(
    "typed",
    [
        "王", "小", "明", "王小", "小明", "王小明", "王 明", "wang", "wangxiaoming", "wang xiao ming", "xiaoming",
        "wangxiaom", "wangxm", "wxm", "xm", "wang明", "WANG", "Wang Xiaomi", "wan",
    ],
)  # fmt: skip
def test_every_usual_way_of_typing_a_part_finds_the_name(table: Readings, typed: str) -> None:
    assert finds(table, typed, "王小明")


@pytest.mark.parametrize("typed", ["王明", "明小", "wangming", "mingxiao", "mx", "张", "zhang", "li", "wang xiao li"])
def test_parts_that_do_not_stand_side_by_side_in_the_name_do_not_find_it(table: Readings, typed: str) -> None:
    assert not finds(table, typed, "王小明")


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("shan", "单雄"), ("dan", "单雄"), ("qiu", "仇和"), ("zeng", "曾国"), ("ou", "区明"), ("lv", "吕布"),
        ("lu", "吕布"), ("lvbu", "吕布"), ("yue", "乐天"), ("le", "乐天"), ("piao", "朴正"), ("xian", "王西安"),
    ],
)  # fmt: skip
def test_a_character_is_found_by_each_usual_reading(table: Readings, typed: str, name: str) -> None:
    assert finds(table, typed, name)


@pytest.mark.parametrize("typed", ["𠮷", "李𠮷", "liji", "lj"])
def test_a_character_beyond_the_basic_plane_is_found_by_itself_and_by_its_reading(table: Readings, typed: str) -> None:
    assert finds(table, typed, "李𠮷")


@pytest.mark.parametrize("typed", ["古丽·测试", "古丽测试", "古丽•测试", "古丽.测试", "丽测", "guli", "gulices", "gl"])
def test_a_name_with_a_dot_is_found_with_and_without_it(table: Readings, typed: str) -> None:
    assert finds(table, typed, "古丽·测试")


def test_a_name_in_latin_letters_is_found_by_a_part_of_it(table: Readings) -> None:
    assert finds(table, "anna", "Anna Maria")
    assert finds(table, "amar", "Anna Maria")
    assert not finds(table, "annb", "Anna Maria")


def test_ends_of_phones_and_numbers_find_and_a_whole_phone_finds_only_itself(table: Readings) -> None:
    texts = {
        "phone": "139-0000-1234 / 0871 5550000",
        "guardian_phone": "13800005678",
        "id_number": "99010119360701001X",
    }
    for typed in ("1234", "5678", "0000", "001x", "13900001234", "13800005678"):
        assert finds(table, typed, "某", **texts), typed
    for typed in ("4321", "13911111234"):
        assert not finds(table, typed, "某", **texts), typed


def test_a_whole_number_and_a_birth_date_are_told_apart_from_ends(table: Readings) -> None:
    assert read_query(["990101360701001"], table).numbers == ("990101193607010016",)
    assert read_query(["19360701"], table) == Query(born_on=(date(1936, 7, 1),))


@pytest.mark.parametrize("typed", ["12", "19361301", "990101193607010017", "123456"])
def test_digits_that_mean_nothing_are_refused(table: Readings, typed: str) -> None:
    with pytest.raises(UnclearTerm):
        read_query([typed], table)


def test_ages_become_birth_dates_also_on_the_eve_of_march() -> None:
    assert born_between(80, None, date(2026, 11, 22)) == (None, date(1946, 11, 22))
    assert born_between(None, 17, date(2026, 11, 22)) == (date(2008, 11, 23), None)
    assert born_between(18, 18, date(2026, 2, 28)) == (date(2007, 3, 1), date(2008, 2, 29))
    assert born_between(1, None, date(2028, 2, 29)) == (None, date(2027, 2, 28))


def test_tokens_of_another_key_have_nothing_in_common_with_ours() -> None:
    texts = {"name": "王小明", "phone": "13900001234"}
    ours, others = Tokens(b"k" * 32), Tokens(b"j" * 32)
    assert sorted(ours.of_person(texts)) == sorted(ours.of(person_features(texts, readings())))
    assert sorted(ours.of_person(texts)) == sorted(Tokens(b"k" * 32).of_person(texts))
    assert not set(ours.of_person(texts)) & set(others.of_person(texts))


def test_long_runs_of_letters_are_read_at_once(table: Readings) -> None:
    query = read_query(["xianxianxianxianxianxianxianxianxianxianxianxianxianxianxian"], table)
    assert len(query.terms[0].choices) <= 6


def test_many_terms_of_many_readings_are_still_one_bounded_question(table: Readings) -> None:
    typed = ["xian", "fangan", "wan", "lian", "guan", "王"]
    clauses = read_query(typed, table).clauses()
    assert sum(map(len, clauses)) <= 6 * len(typed)
    assert len(clauses) == len(typed)
    assert len(read_query(["zhang", "xiao", "min"], table).clauses()) == 1
