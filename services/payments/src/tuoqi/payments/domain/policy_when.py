"""Under which conditions an amount is paid beside the interval itself: other statuses, ages, where the register is."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tuoqi.payments.domain.policy_fields import Node

_REGION = re.compile(r"\d{6}|\d{9}|\d{12}")
WHEN_FIELDS = ("regions", "while_on", "while_on_any", "not_on", "from_age", "below_age")
"""What `read_when` reads."""
OLDEST = 130


@dataclass(frozen=True, slots=True)
class When:
    """Conditions of a month, all of which must hold; one that is empty always does.

    `regions`: the household register 户籍 is in one of them at the end of the month. `while_on`: on each of these
    statuses, `while_on_any`: on one of them, `not_on`: on none. `from_age` and `below_age`: completed years at the end
    of the month before.
    """

    regions: tuple[str, ...] = ()
    while_on: tuple[str, ...] = ()
    while_on_any: tuple[str, ...] = ()
    not_on: tuple[str, ...] = ()
    from_age: int | None = None
    below_age: int | None = None

    @property
    def categories(self) -> tuple[str, ...]:
        """The statuses that are asked for."""
        return (*self.while_on, *self.while_on_any, *self.not_on)


def read_when(node: Node, fields: tuple[str, ...] = WHEN_FIELDS) -> When | None:
    """The conditions that are written on a node in these fields; None where none is."""
    if not any(node.has(name) for name in fields):
        return None
    regions = node.words("regions")
    for region in regions:
        if not _REGION.fullmatch(region):
            node.fault("regions", f"应为 6、9 或 12 位区划代码，现为 {region!r}")
    from_age, below_age = (
        node.number(name, 1, OLDEST) if name in fields and node.has(name) else None
        for name in ("from_age", "below_age")
    )
    if from_age is not None and below_age is not None and below_age <= from_age and node.clean("below_age"):
        node.fault("below_age", f"应大于 from_age {from_age}，否则无人符合")
    return When(
        regions=regions,
        while_on=node.words("while_on") if "while_on" in fields else (),
        while_on_any=node.words("while_on_any"),
        not_on=node.words("not_on"),
        from_age=from_age,
        below_age=below_age,
    )
