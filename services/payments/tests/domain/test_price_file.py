"""Rows of a price index file that cannot be right are refused with the column and a reason; the others are taken."""

from __future__ import annotations

import pytest

from tuoqi.kit.tables import Header, parse_rows
from tuoqi.payments.jobs.prices import PriceIndex

HEADER = ("month", "cpi_yoy", "food_yoy", "scpi_yoy", "published_on")
GOOD = ("2024-03", "3.6", "-0.2", "3.1", "2024-04-12")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        pytest.param("cpi_yoy", "3.46", id="two decimals"),
        pytest.param("scpi_yoy", "", id="a figure is missing"),
        pytest.param("published_on", "", id="no day of publication"),
        pytest.param("month", "2024-13", id="no such month"),
        pytest.param("food_yoy", "六", id="no number"),
    ],
)
def test_a_row_of_the_index_that_cannot_be_right_is_refused(column: str, value: str) -> None:
    header = Header.match(HEADER, PriceIndex.columns)
    bad = tuple(value if name == column else cell for name, cell in zip(HEADER, GOOD, strict=True))
    taken, problems = parse_rows(header, [(2, GOOD), (3, bad)])
    assert [row.number for row in taken] == [2]
    assert taken[0].values["cpi_yoy"] == 36
    assert [problem.row_number for problem in problems] == [3]
    assert problems[0].column.endswith(f"[{column}]")
    assert problems[0].reason.endswith("。")
