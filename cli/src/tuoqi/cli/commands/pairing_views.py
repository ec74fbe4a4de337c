"""How sets of proposals and pairings are shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from tuoqi.cli.output import emit, plain, say, show_pairs, show_rows, shown
from tuoqi.contracts.visits.v1 import pairing_service_pb2 as pb

STATES: Final = {
    "OPEN": "待定", "ACCEPTED": "已采纳", "REFUSED": "已否决", "STALE": "已失效", "LEFT_OVER": "未配上",
}  # fmt: skip
STEPS: Final = {"village": "同村", "township": "同乡镇", "county": "县内他乡"}
WISHES: Final = {
    "helper_sex": "结对人希望的性别", "helper_age": "结对人希望的年龄", "helper_village": "结对人希望的村居",
    "child_wants": "监护人指名",
}  # fmt: skip
REASONS: Final = {
    "no_helper": "没有结对人", "no_relative": "没有登记亲属", "no_helper_of_sex": "没有符合性别要求的结对人",
    "all_refused": "均被拒绝或须回避", "none_in_reach": "规定范围内没有结对人", "all_full": "结对人均已满额",
}  # fmt: skip
ENDS: Final = {
    "HELPER_LEFT": "结对人离任", "HELPER_DIED": "结对人去世", "GROWN_UP": "年龄已满", "DIED": "去世", "MOVED": "迁出",
    "MERGED": "并档", "CATEGORY_ENDED": "身份认定结束", "BY_HAND": "人工结束", "REPLACED": "更换结对人",
}  # fmt: skip
_LOADS: Final = ("乡镇", "结对人", "儿童", "最少", "最多", "平均", "标准差", "基尼系数", "差距不足1的占比")


def show_set(one: pb.PairingSet, *, as_json: bool) -> None:
    """A set and how fair it is."""
    if as_json:
        emit(plain(one))
        return
    show_pairs(
        {
            "方案": one.set_id,
            "种类": one.kind,
            "提出": f"{one.asked_by} {shown(one.asked_at)}",
            "每人上限": one.max_load,
            "均衡范围": {"village": "村居", "township": "乡镇", "county": "全县"}.get(one.balance, one.balance),
            "儿童": f"{one.children}（已结对保留 {one.kept}，新提出 {one.proposed}，未配上 {one.left_over}）",
            "远近": _counts(one.steps, STEPS),
            "满足的意愿": _counts(one.honoured, WISHES) or "无",
            "未满足的意愿": _counts(one.refused, WISHES) or "无",
            "未配上的原因": _counts(one.left_over_by_reason, REASONS) or "无",
            "办理": _counts(one.states, STATES),
        }
    )
    show_rows(_LOADS, [_load(one.loads), *map(_load, one.townships)], right=_LOADS[1:])


def show_sets(found: Sequence[pb.PairingSet], *, as_json: bool) -> None:
    """Many sets, one a line."""
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [
        (one.set_id, one.kind, one.asked_by, shown(one.asked_at), one.children, one.proposed, one.left_over)
        for one in found
    ]
    show_rows(("方案", "种类", "提出人", "时间", "儿童", "新提出", "未配上"), rows)


def show_proposals(found: Sequence[pb.Proposal], *, as_json: bool) -> None:
    """Proposals, one a line."""
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [
        (
            one.person_id,
            one.region,
            one.helper_id or "-",
            one.helper_region,
            STEPS.get(one.step, ""),
            "、".join(WISHES.get(code, code) for code in one.refused_wishes) or REASONS.get(one.reason, one.reason),
            STATES.get(one.state, one.state),
        )
        for one in found
    ]
    show_rows(("儿童", "村居", "结对人", "结对人所在地", "远近", "说明", "状态"), rows)


def show_pairings(found: Sequence[pb.Pairing], *, as_json: bool) -> None:
    """Pairings, one a line."""
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [
        (
            one.pairing_id,
            one.kind,
            one.person_id,
            one.region,
            one.helper_id,
            one.began_on,
            one.ended_on,
            ENDS.get(one.end_reason, one.end_reason),
            one.contacts,
        )
        for one in found
    ]
    show_rows(("结对", "种类", "儿童", "村居", "结对人", "起", "止", "原因", "联系次数"), rows)


def show_changed(answer: Any, *, as_json: bool) -> None:
    """Whether anything changed."""
    if as_json:
        emit(plain(answer))
    else:
        say("已登记。" if answer.changed else "没有改动。")


def _counts(counted: Iterable[pb.Counted], names: dict[str, str]) -> str:
    return "，".join(f"{names.get(one.code, one.code)} {one.count}" for one in counted if one.count)


def _load(one: pb.LoadFigures) -> tuple[object, ...]:
    return (
        one.region or "全部",
        one.helpers,
        one.children,
        one.least,
        one.most,
        f"{one.mean:.2f}",
        f"{one.deviation:.2f}",
        f"{one.gini:.4f}",
        f"{one.within_one:.1%}",
    )
