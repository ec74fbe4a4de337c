"""Definitions of figures and kinds of activities, as the county's files say them."""

from __future__ import annotations

from typing import Any

import pytest

from tuoqi.visits.domain.activities import read_activity_rules
from tuoqi.visits.domain.fields import PolicyError
from tuoqi.visits.domain.figures import Cell, Figure, Known, parse_figures, told

SERVED: dict[str, Any] = {"id": "IND-029", "name": "累计服务", "unit": "人次", "count": "times", "of": ["visits"]}


def test_a_rule_between_figures_that_does_not_hold_is_found() -> None:
    """Times below persons; where one was not counted nothing is judged."""
    persons = {**SERVED, "id": "IND-028", "unit": "人", "count": "persons"}
    figures = parse_figures({"figures": [SERVED, persons], "at_least": [{"id": "IND-029", "least": "IND-028"}]})
    assert figures.broken({"IND-029": 4, "IND-028": 5})
    assert not figures.broken({"IND-029": 5, "IND-028": 5})
    assert not figures.broken({"IND-028": 5})


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"id": "29"}, "figures[0].id"),
        ({"count": "people"}, "figures[0].count"),
        ({"unit": "吨"}, "figures[0].unit"),
        ({"of": ["dreams"]}, "figures[0].of"),
        ({"count": "sessions"}, "figures[0].of"),
        ({"kinds": ["dancing"]}, "figures[0].kinds"),
        ({"services": ["singing"]}, "figures[0].services"),
    ],
)
def test_a_definition_that_cannot_be_counted_names_its_place(change: dict[str, Any], path: str) -> None:
    """Each fault at its own field."""
    with pytest.raises(PolicyError) as fault:
        parse_figures({"figures": [{**SERVED, **change}]}, Known({"law_lecture"}, {"meal"}))
    assert fault.value.path == path


def test_small_parts_of_a_sensitive_figure_are_told_together_or_not_at_all() -> None:
    """2 and 3 make 5, which is told; 2 and 2 are not."""
    figure = Figure("IND-138", "关爱", "人", "persons", ("visits",), is_sensitive=True)
    cells = told(figure, [Cell("a", 9), Cell("b", 2), Cell("c", 3)])
    assert [(cell.key, cell.value, cell.is_rest) for cell in cells] == [("a", 9, False), ("", 5, True)]
    hidden = told(figure, [Cell("a", 9, named=9), Cell("b", 2, named=2), Cell("c", 2, named=2)])[-1]
    assert (hidden.value, hidden.named) == (None, 0)


def test_an_activity_kind_written_twice_is_refused() -> None:
    """The second one is named."""
    kind = {"code": "law_lecture", "name": "普法", "unit": "场次", "target": "儿童"}
    with pytest.raises(PolicyError, match="写了两次"):
        read_activity_rules({"kinds": [kind, kind], "roles": [{"code": "participant", "name": "参加者"}]})
