"""Terms that a county may set for any programme: how often it is paid, life certification, how far back it is paid."""

from __future__ import annotations

from dataclasses import dataclass

from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.policy_fields import Node

PERIODS = {"monthly": 1, "quarterly": 3, "half_yearly": 6, "yearly": 12}
"""How often a programme is paid 发放频次 → months of a period; periods are those of the calendar."""
IN_LAST, IN_FIRST = "last_month", "first_month"
PAID_IN = (IN_LAST, IN_FIRST)
TERM_FIELDS = ("payment", "certification")
"""What a version of a programme may say beside its rule's own parameters."""
THIS_YEAR = "this_year"


@dataclass(frozen=True, slots=True)
class Payment:
    """All months of a calendar period of so many months are paid in one cycle 按季、半年、年发放.

    In arrears they are due from the cycle of the period's last month on, in advance from that of its first. Where a
    death or a move ends the period early, in the next cycle.
    """

    months: int
    in_advance: bool

    def last(self, month: int) -> Month:
        """The last month of the period in which a month lies."""
        return Month(month - month % self.months + self.months - 1)

    def due_in(self, month: int) -> Month:
        """The month of the first cycle that pays a month."""
        return Month(month - month % self.months) if self.in_advance else self.last(month)


@dataclass(frozen=True, slots=True)
class CertificationTerms:
    """Being seen alive 生存认证 keeps a programme for so many months after the month of it, and the grace beside them.

    Everybody is asked by `first_due`; the decision of a status counts as well, since the person applied for it. Whoever
    lapsed and is seen again is paid the months between, `back_pay_months` of them at most (None: all).
    """

    every_months: int
    first_due: Month
    grace_months: int
    back_pay_months: int | None


@dataclass(frozen=True, slots=True)
class ReachBack:
    """How far back a programme is paid 补发期限, instead of the county's limit: so many months, or this year's only."""

    months: int | None

    def limit(self, cycle_month: Month) -> Month:
        """The first month that a cycle pays."""
        return Month(cycle_month.year * 12) if self.months is None else cycle_month.plus(-self.months)


def read_payment(node: Node) -> Payment | None:
    """How often a version pays; None for every month, which is also what is not written."""
    if not node.has("payment"):
        return None
    inner = node.inner("payment")
    inner.only("every", "paid_in")
    every = inner.choice("every", tuple(PERIODS))
    paid_in = inner.choice("paid_in", PAID_IN) if inner.has("paid_in") else IN_LAST
    months = PERIODS.get(every, 1)
    return Payment(months, paid_in == IN_FIRST) if months > 1 else None


def read_certification(node: Node, *, for_children: bool) -> CertificationTerms | None:
    """The terms of life certification; None where it is not written. Refused for children."""
    if not node.has("certification"):
        return None
    if for_children:
        node.fault("certification", "儿童项目不作生存认证")
    inner = node.inner("certification")
    inner.only("every_months", "first_due", "grace_months", "back_pay_months")
    return CertificationTerms(
        every_months=inner.number("every_months", 1, 60),
        first_due=inner.month("first_due"),
        grace_months=inner.number("grace_months", 0, 24) if inner.has("grace_months") else 0,
        back_pay_months=inner.number("back_pay_months", 0, 600) if inner.has("back_pay_months") else None,
    )


def read_reach_back(node: Node) -> ReachBack | None:
    """A programme's own limit of back-pay, `reach_back_months` or `reach_back: this_year`; None where there is none."""
    if node.has("reach_back"):
        node.choice("reach_back", (THIS_YEAR,))
        if node.has("reach_back_months"):
            node.fault("reach_back_months", "与 reach_back 只写其一")
        return ReachBack(None)
    return ReachBack(node.number("reach_back_months", 0, 600)) if node.has("reach_back_months") else None
