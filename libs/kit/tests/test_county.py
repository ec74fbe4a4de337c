"""A county's folder is read whole, named by its content, and refused with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tuoqi.kit.county import County, CountyError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "county.yaml").write_text('code: "990101"\nname: 示范县\n', encoding="utf-8")
    (tmp_path / "visits").mkdir()
    (tmp_path / "visits" / "b.yaml").write_text("which: b\n", encoding="utf-8")
    (tmp_path / "visits" / "a.yaml").write_text("which: a\n", encoding="utf-8")
    return tmp_path


def test_a_policy_is_one_file_or_a_folder_in_order_of_name(folder: Path) -> None:
    county = County.load(folder)
    assert (county.code, county.name) == ("990101", "示范县")
    assert county.policy("visits") == [{"which": "a"}, {"which": "b"}]
    assert county.policy("visits/b") == [{"which": "b"}]
    with pytest.raises(CountyError, match="payments"):
        county.policy("payments")


def test_the_version_changes_with_any_byte_and_any_name(folder: Path) -> None:
    first = County.load(folder).version
    assert County.load(folder).version == first
    (folder / "visits" / "b.yaml").rename(folder / "visits" / "c.yaml")
    renamed = County.load(folder).version
    (folder / "visits" / "a.yaml").write_text("which: A\n", encoding="utf-8")
    assert len({first, renamed, County.load(folder).version}) == 3


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("a: 1\nb: [1, 2\nc: 3\n", r"x\.yaml:3: "),
        ("a: 1\nb:\n  k: 1\n  k: 2\n", r"x\.yaml:4: `k` is written twice"),
        ("- 1\n", r"x\.yaml:1: a mapping"),
        ("a: !!python/object:os.system 1\n", r"x\.yaml:1: "),
    ],
)
def test_a_broken_file_is_named_with_its_line(folder: Path, content: str, says: str) -> None:
    (folder / "x.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(CountyError, match=says):
        County.load(folder).policy("x")


def test_a_folder_without_code_is_no_county(tmp_path: Path) -> None:
    with pytest.raises(CountyError, match="no such"):
        County.load(tmp_path / "none")
    with pytest.raises(CountyError, match="missing"):
        County.load(tmp_path)
    (tmp_path / "county.yaml").write_text("code: 990101\nname: x\n", encoding="utf-8")
    with pytest.raises(CountyError, match="quoted"):
        County.load(tmp_path)


def test_a_document_knows_the_line_of_each_of_its_values(folder: Path) -> None:
    (folder / "x.yaml").write_text("a: 1\nb:\n  - k: 1\n    m: {n: 2}\n  - k: 3\n", encoding="utf-8")
    document = County.load(folder).document("x.yaml")
    places = ("a", "b", "b[0]", "b[0].k", "b[0].m.n", "b[1].k", "b[1].missing", "nowhere")
    assert [document.line_of(place) for place in places] == [1, 2, 3, 3, 4, 5, 5, 1]


def test_a_fault_says_file_line_and_reason_and_so_does_a_broken_file(folder: Path) -> None:
    (folder / "x.yaml").write_text("a: 1\na: 2\n", encoding="utf-8")
    with pytest.raises(CountyError) as refused:
        County.load(folder).document("x.yaml")
    (fault,) = refused.value.faults
    assert (fault.file, fault.line) == ("x.yaml", 2)
    assert str(fault).startswith("x.yaml 第 2 行: ")


def test_a_document_that_refers_to_itself_or_is_too_large_ends(folder: Path) -> None:
    (folder / "x.yaml").write_text("a: &a\n  - *a\n", encoding="utf-8")
    assert County.load(folder).document("x.yaml").line_of("a[0]") == 1
    bomb = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
        f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdef", "bcdefg", strict=True)
    )
    (folder / "x.yaml").write_text(bomb, encoding="utf-8")
    with pytest.raises(CountyError) as refused:
        County.load(folder).document("x.yaml")
    assert "超过" in refused.value.faults[0].reason
