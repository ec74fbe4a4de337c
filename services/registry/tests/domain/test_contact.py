"""Names and telephone numbers as clerks write them."""

from __future__ import annotations

import pytest

from tuoqi.registry.domain.contact import is_odd_name, is_phone, normalise_name, normalise_phone


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("古丽•测试", "古丽·测试"),
        ("古丽．测试", "古丽·测试"),
        ("古丽. 测试", "古丽·测试"),
        ("古丽 · 测试", "古丽·测试"),
        ("古丽・测试", "古丽·测试"),
        ("张　三", "张三"),
        ("张  三", "张三"),
        ("J. Smith", "J. Smith"),
        ("Anna Lee", "Anna Lee"),
        ("欧阳𠮷祥", "欧阳𠮷祥"),
        ("䶮小刚", "䶮小刚"),
    ],
)
def test_a_name_has_one_kind_of_dot_no_padding_and_its_own_characters(written: str, kept: str) -> None:
    assert normalise_name(written) == kept
    assert normalise_name(kept) == kept


def test_names_of_two_to_twenty_characters_are_usual() -> None:
    assert [is_odd_name("测" * length) for length in (1, 2, 20, 21)] == [True, False, False, True]
    assert not is_odd_name("𠮷一")


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("13900001234", "13900001234"),
        ("139 0000 1234", "13900001234"),
        ("+86 139-0000-1234", "13900001234"),
        ("0086 13900001234", "13900001234"),
        ("１３９００００１２３４", "13900001234"),
        ("（0990）1234567", "09901234567"),
        ("0990-12345678", "099012345678"),
        ("2345678", "2345678"),
        ("400-123-4567", "4001234567"),
    ],
)
def test_mobiles_and_landlines_are_digits_alone(written: str, kept: str) -> None:
    assert normalise_phone(written) == kept
    assert is_phone(kept)


@pytest.mark.parametrize("written", ["12900001234", "1390000123", "无", "13900001234、13900005678", "问村支书"])
def test_what_is_no_phone_stays_as_it_was_written(written: str) -> None:
    assert normalise_phone(written) == written
    assert not is_phone(written)
