"""Public posting 公示: what a list may show of a person, what may be objected to, and how an objection ends.

A list never shows a number, an address below the village, or a whole name; who is under 18, or has a child programme, is
on none.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from tuoqi.payments.domain.cycle import Cycle
from tuoqi.payments.domain.due import Entitlement
from tuoqi.payments.domain.errors import CycleError
from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.policy import Policy

CATEGORIES: Mapping[str, str] = {
    "not_eligible": "不符合条件",
    "amount": "金额有误",
    "deceased": "本人已去世",
    "moved_out": "已迁出",
    "duplicate": "重复领取",
    "left_out": "应发未发",
    "other": "其他",
}
"""What is objected to."""

UPHELD, DISMISSED = "UPHELD", "DISMISSED"
OUTCOMES: Mapping[str, str] = {UPHELD: "成立", DISMISSED: "不成立"}

REASONS: Mapping[str, str] = {
    "verified_wrong": "经核查情况属实",
    "verified_right": "经核查符合规定",
    "no_evidence": "无法证实",
    "not_about_payment": "与本次发放无关",
}
"""Why it was decided so."""

CORRECT_NEXT, CANCEL = "correct_next_cycle", "cancel_cycle"
FOLLOW_UPS: Mapping[str, str] = {
    CORRECT_NEXT: "更正登记，由下一周期补发或收回",
    CANCEL: "作废本周期，更正后重新核算",
}
"""What follows where it was upheld."""

_WHOLE = 2


@dataclass(frozen=True, slots=True)
class Objection:
    """One objection 异议 to a posting, as it stands; `outcome` is empty while it is open."""

    objection_id: str
    cycle_id: str
    person_id: str
    programme: str
    category: str
    recorded_by: str
    outcome: str = ""
    reason: str = ""
    follow_up: str = ""


def mask_name(name: str) -> str:
    """A name as a list shows it: `张*`, `张*丰`, `欧**娜`; nothing but a star of a name of one letter or none."""
    if len(name) < _WHOLE:
        return "*"
    if len(name) == _WHOLE:
        return f"{name[0]}*"
    return f"{name[0]}{'*' * (len(name) - 2)}{name[-1]}"


def has_child_programme(
    due: Mapping[str, Mapping[Month, Entitlement]], policy: Policy, months: Collection[Month]
) -> bool:
    """Whether a person stands in a child programme in any of the months, also at 0 by topping up: then no line is posted."""
    for programme in policy.programmes:
        if programme.for_children:
            found = due.get(programme.key, {})
            if any(month in found and not found[month].stopped for month in months):
                return True
    return False


def checked(objection: Objection, policy: Policy) -> Objection:
    """The objection, if its codes are known. Raises payments.objection_code."""
    known(objection.programme, "补贴项目", policy.order)
    known(objection.category, "异议类别", CATEGORIES)
    return objection


def decided(objection: Objection, cycle: Cycle, *, by: str, outcome: str, reason: str, follow_up: str) -> None:
    """Refuses a decision that may not be made: twice, by its recorder, or with codes that do not fit."""
    if objection.outcome:
        raise CycleError(
            "payments.objection_decided", objection=objection.objection_id, outcome=OUTCOMES[objection.outcome]
        )
    if by == objection.recorded_by:
        raise CycleError("payments.objection_own", by=by, objection=objection.objection_id)
    known(outcome, "处理结果", OUTCOMES)
    known(reason, "处理理由", REASONS)
    if (outcome == UPHELD) != bool(follow_up):
        raise CycleError("payments.objection_follow_up", cycle=cycle.name)
    if follow_up:
        known(follow_up, "后续处理", FOLLOW_UPS)


def known(code: str, what: str, allowed: Collection[str]) -> None:
    """Raises payments.objection_code, which lists what may be written."""
    if code not in allowed:
        raise CycleError("payments.objection_code", code=code, what=what, allowed="、".join(allowed))
