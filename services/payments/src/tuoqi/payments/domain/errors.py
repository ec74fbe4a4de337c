"""Every way in which payments refuses something: slug → gRPC status name and the Chinese sentence that people read."""


class PaymentsError(Exception):
    """A refusal by a rule of payments; `slug` is a key of `REFUSALS`, `detail` names what it is about."""

    def __init__(self, slug: str, **detail: object) -> None:
        self.slug = slug
        self.detail = {name: str(value) for name, value in detail.items()}
        super().__init__(f"{slug}: {', '.join(f'{name}={value}' for name, value in self.detail.items())}")

    @property
    def status(self) -> str:
        """The name of the gRPC status."""
        return REFUSALS[self.slug][0]

    @property
    def sentence(self) -> str:
        """One Chinese sentence, with the detail in it."""
        return REFUSALS[self.slug][1].format_map(self.detail)


class CycleError(PaymentsError):
    """A cycle refuses a transition."""


class LedgerError(PaymentsError):
    """Postings do not balance."""


_NOT_NOW = "FAILED_PRECONDITION"
_NOT_YOU = "PERMISSION_DENIED"

REFUSALS: dict[str, tuple[str, str]] = {
    "payments.cycle_wrong_state": (_NOT_NOW, "周期 {cycle} 现为 {state} 状态，不能{act}。"),
    "payments.cycle_month_before_last": (_NOT_NOW, "{month} 早于最近周期 {last} 的月份，周期只能按月份先后开立。"),
    "payments.cycle_cut_off_before_last": (_NOT_NOW, "截止时点早于最近周期 {last} 的截止时点，周期只能按先后运行。"),
    "payments.cycle_month_before_policy": (_NOT_NOW, "{month} 早于政策起始月份 {start}，不能开立周期。"),
    "payments.cycle_earlier_not_computed": (_NOT_NOW, "更早的周期 {earlier} 尚未核算，请先核算或作废它。"),
    "payments.cycle_reviewer_may_not_approve": (_NOT_YOU, "{by} 是周期 {cycle} 的复核人，不能审批同一周期。"),
    "payments.cycle_already_approved_by": (_NOT_YOU, "{by} 已审批过周期 {cycle}，第二次审批须由另一人完成。"),
    "payments.cycle_still_posted": (_NOT_NOW, "周期 {cycle} 的公示到 {until} 方满，期满前不能审批。"),
    "payments.cycle_reason_missing": ("INVALID_ARGUMENT", "{act}周期 {cycle} 必须写明理由。"),
    "payments.cycle_later_instructed": (_NOT_NOW, "更晚的周期 {later} 已发出代发指令，周期 {cycle} 不能作废。"),
    "payments.cycle_unknown": ("NOT_FOUND", "没有周期 {cycle}。"),
    "payments.cycle_open_instructions": (_NOT_NOW, "周期 {cycle} 还有 {count} 条代发指令没有结果，不能关账。"),
    "payments.cycle_cut_off_ahead": (_NOT_NOW, "周期 {cycle} 的截止时点 {cut_off} 还没有到，不能核算。"),
    "payments.cycle_facts_missing": (_NOT_NOW, "截至 {cut_off} 的登记信息尚未收齐，未作处理：{missing}。"),
    "payments.cycle_posting_not_cut": (_NOT_NOW, "本平台使用系统时钟，公示不能提前结束。"),
    "payments.control_failed": ("INTERNAL", "资金核对不平，未写入任何数据：{findings}。"),
    "payments.ledger_unbalanced": ("INTERNAL", "周期 {cycle} 的记账借贷不平，相差 {difference_fen} 分，已停止。"),
    "payments.ledger_recovery_unallocated": (
        "INTERNAL",
        "周期 {cycle} 的收回款有 {difference_fen} 分没有去处，已停止。",
    ),
}
