"""How figures are shown to people."""

from __future__ import annotations

import pytest

from tuoqi.cli.commands.figures import _value
from tuoqi.cli.commands.region import _after
from tuoqi.contracts.registry.v1 import figure_service_pb2 as pb
from tuoqi.kit.errors import TuoqiError


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        (pb.FigureCell(value=5248), "5248"),
        (pb.FigureCell(value=0), "0"),
        (pb.FigureCell(value=524731, decimals=1), "52473.1"),
        (pb.FigureCell(value=7, decimals=1), "0.7"),
        (pb.FigureCell(value=9702, decimals=2, numerator=98, denominator=101), "97.02（98/101）"),
        (pb.FigureCell(), "不单列"),
    ],
)
def test_a_number_is_shown_with_its_decimals_and_one_that_is_not_told_says_so(cell: pb.FigureCell, shown: str) -> None:
    assert _value(cell) == shown


def test_a_region_after_a_change_is_written_as_code_and_name() -> None:
    after = _after("990101101301=新村", "990101101000", "")
    assert (after.code, after.name, after.parent) == ("990101101301", "新村", "990101101000")
    with pytest.raises(TuoqiError, match="not_a_region"):
        _after("新村", "", "")
