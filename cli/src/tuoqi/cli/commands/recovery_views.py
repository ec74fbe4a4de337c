"""Recovery files on a terminal: tables in Chinese, amounts in yuan."""

from __future__ import annotations

from collections.abc import Sequence

from tuoqi.cli.output import say, show_pairs, show_rows, shown, yuan
from tuoqi.contracts.payments.v1 import recovery_service_pb2 as pb

STATES = {
    "OPEN": "待通知", "NOTICED": "已通知", "AGREED": "已约定", "SETTLED": "已还清", "WRITTEN_OFF": "已核销",
    "CANCELLED": "已撤销",
}  # fmt: skip
PARTS = {"PAID": "已还", "DUE": "未到期", "MISSED": "逾期"}
ACTS = {
    "open": "立案", "cycle": "周期核算", "cycle_cancelled": "周期作废", "bank": "银行回盘", "notice": "发出通知",
    "deliver": "送达", "overdue": "逾期", "missed": "分期逾期", "repay": "退回款", "reverse": "冲销退回款",
    "plan": "分期", "end_plan": "终止分期", "agree_offset": "签订抵扣协议", "end_offset": "终止抵扣协议",
    "propose": "提出核销", "confirm": "确认核销", "refused": "退回核销", "withdrawn": "撤回核销",
}  # fmt: skip
HUNDREDTHS = 100


def show_files(found: Sequence[pb.Recovery]) -> None:
    """One line a file."""
    columns = (
        "案卷编号", "人员编号", "状态", "尚欠（元）", "月数", "立案", "通知", "还款期限", "逾期", "已退", "已抵扣", "已核销",
        "待核销",
    )  # fmt: skip
    rows = [
        (
            one.ref.recovery_id,
            one.ref.person_id,
            STATES.get(one.state, one.state),
            yuan(one.owed_fen),
            one.items,
            one.opened_on,
            f"第{one.notice_no}次{'，须补发' if one.needs_notice else ''}" if one.notice_no else "",
            one.due_on,
            "是" if one.overdue else "",
            yuan(one.repaid_fen),
            yuan(one.offset_fen),
            yuan(one.written_off_fen),
            f"{yuan(one.proposed_fen)}（{one.proposed_by}）" if one.write_off_id else "",
        )
        for one in found
    ]
    show_rows(columns, rows, right=("尚欠（元）", "月数", "已退", "已抵扣", "已核销"))


def show_whole(found: pb.GetRecoveryResponse) -> None:
    """One file with everything that belongs to it."""
    one = found.recovery
    show_files([one])
    if one.signed_on:
        cap = f"{yuan(one.cap_fen)} 元/月" if one.cap_fen else f"发放额的 {yuan(one.cap_hundredths)}%"
        show_pairs({"抵扣协议": f"{one.signed_on} 签订，{'、'.join(one.offset_programmes)}，上限{cap}"})
    if one.refunded_fen:
        show_pairs({"应退还本人": f"{yuan(one.refunded_fen)} 元"})
    items = [
        (
            item.programme,
            item.benefit_month,
            yuan(item.raised_fen),
            yuan(item.owed_fen),
            item.cycle,
            item.sentence or item.reason,
        )
        for item in found.items
    ]
    show_rows(("项目", "享受月份", "应追回", "尚欠", "周期", "原因"), items, right=("应追回", "尚欠"))
    if found.instalments:
        parts = [
            (part.instalment.nth, part.instalment.due_on, yuan(part.instalment.amount_fen), PARTS[part.state])
            for part in found.instalments
        ]
        show_rows(("期次", "期限", "金额", "状态"), parts, right=("金额",))
    if found.repayments:
        booked = [
            (one.repayment_id, one.paid_on, yuan(one.amount_fen), one.payer, one.receipt_no, one.recorded_by,
             f"{one.reversed_by} {one.reversed_because}".strip())
            for one in found.repayments
        ]  # fmt: skip
        show_rows(("退回款", "日期", "金额", "还款人", "收据号", "登记人", "冲销"), booked, right=("金额",))
    history = [
        (shown(act.at), act.by, ACTS.get(act.act, act.act), yuan(act.amount_fen), act.code, act.reference, act.note)
        for act in found.history
    ]
    show_rows(("时间", "经办人", "事项", "金额", "代码", "凭据", "备注"), history, right=("金额",))


def show_sums(sums: Sequence[pb.RecoverySum]) -> None:
    """What is owed by programme and age."""
    rows = [(one.programme, one.age_days, one.persons, one.items, yuan(one.owed_fen)) for one in sums]
    show_rows(("项目", "账龄（天）", "人数", "笔数", "尚欠（元）"), rows, right=("人数", "笔数", "尚欠（元）"))
    say(f"合计尚欠 {yuan(sum(one.owed_fen for one in sums))} 元")


def show_forecast(found: Sequence[pb.RecoveryForecast]) -> None:
    """What the next cycle would recover."""
    rows = [
        (one.person_id, one.programme, one.benefit_month, yuan(one.amount_fen), yuan(one.owed_fen), one.sentence)
        for one in found
    ]
    show_rows(("人员编号", "项目", "享受月份", "将收回", "其中须追回", "说明"), rows, right=("将收回", "其中须追回"))
