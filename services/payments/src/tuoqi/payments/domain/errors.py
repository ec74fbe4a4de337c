"""Every way in which payments refuses something: slug → gRPC status name and the Chinese sentence that people read."""

from tuoqi.payments.domain.aid_errors import AID_REFUSALS
from tuoqi.payments.domain.check_errors import CHECK_REFUSALS


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
    "payments.cycle_open_objections": (_NOT_NOW, "周期 {cycle} 的公示还有 {count} 件异议没有处理，不能审批。"),
    "payments.cycle_to_be_cancelled": (_NOT_NOW, "周期 {cycle} 有异议成立并决定作废重算，不能审批，请作废该周期。"),
    "payments.cycle_programme_unknown": ("INVALID_ARGUMENT", "本县没有这些补贴项目：{programmes}。"),
    "payments.cycle_month_missing": ("INVALID_ARGUMENT", "还没有任何周期，请写明要试算的月份。"),
    "payments.posting_none": (_NOT_NOW, "周期 {cycle} 还没有公示，没有公示名单。"),
    "payments.posting_region_empty": ("NOT_FOUND", "周期 {cycle} 的公示名单中没有区划 {region} 的人员。"),
    "payments.person_unknown": ("NOT_FOUND", "登记信息中没有此人。"),
    "payments.objection_unknown": ("NOT_FOUND", "没有异议 {objection}。"),
    "payments.objection_decided": (_NOT_NOW, "异议 {objection} 已经处理过，结果为{outcome}。"),
    "payments.objection_own": (_NOT_YOU, "{by} 是异议 {objection} 的登记人，须由另一人处理。"),
    "payments.objection_code": ("INVALID_ARGUMENT", "“{code}”不是{what}的代码，可填：{allowed}。"),
    "payments.objection_follow_up": ("INVALID_ARGUMENT", "异议成立时须写明后续处理，不成立时不写。"),
    "payments.cycle_reason_missing": ("INVALID_ARGUMENT", "{act}周期 {cycle} 必须写明理由。"),
    "payments.cycle_later_instructed": (_NOT_NOW, "更晚的周期 {later} 已发出代发指令，周期 {cycle} 不能作废。"),
    "payments.cycle_unknown": ("NOT_FOUND", "没有周期 {cycle}。"),
    "payments.cycle_open_instructions": (_NOT_NOW, "周期 {cycle} 还有 {count} 条代发指令没有结果，不能关账。"),
    "payments.cycle_cut_off_ahead": (_NOT_NOW, "周期 {cycle} 的截止时点 {cut_off} 还没有到，不能核算。"),
    "payments.cycle_facts_missing": (_NOT_NOW, "截至 {cut_off} 的登记信息尚未收齐，未作处理：{missing}。"),
    "payments.cycle_posting_not_cut": (_NOT_NOW, "本平台使用系统时钟，公示不能提前结束。"),
    "payments.figure_unknown": ("NOT_FOUND", "没有指标 {figure}。"),
    "payments.figure_has_no_rows": (_NOT_NOW, "指标 {figure} 计的是物资，没有发放明细。"),
    "payments.figure_period": ("INVALID_ARGUMENT", "期间的最后一天 {last} 早于第一天 {first}。"),
    "payments.bank_format_unknown": ("INVALID_ARGUMENT", "没有银行模板 {format}，可用：{allowed}。"),
    "payments.bank_field_too_long": (
        _NOT_NOW,
        "“{field}”超过模板规定的 {width} 字节，未生成文件；不得截断，请改模板。",
    ),
    "payments.bank_character": (_NOT_NOW, "“{field}”中有 {encoding} 编码没有的字，未生成文件。"),
    "payments.bank_no_signer": (_NOT_NOW, "平台没有签名密钥，不能生成银行文件。"),
    "payments.bank_reply_unreadable": ("INVALID_ARGUMENT", "回盘文件第 {row} 行读不出来：{reason}。"),
    "payments.bank_reply_sums": ("INVALID_ARGUMENT", "回盘文件的{what}不符：文件称 {said}，实有 {found}，未作登记。"),
    "payments.export_nothing": (_NOT_NOW, "周期 {cycle} 没有可以交给银行的代发指令。"),
    "payments.export_unknown": ("NOT_FOUND", "周期 {cycle} 没有第 {no} 批银行文件。"),
    "payments.export_other_format": (_NOT_NOW, "周期 {cycle} 第 {no} 批已按 {format} 生成，不能改用其他模板。"),
    "payments.export_changed": (_NOT_NOW, "周期 {cycle} 第 {no} 批与首次生成的内容不一致（模板改过），未予采用。"),
    "payments.reissue_not_settling": (_NOT_NOW, "周期 {cycle} 现为 {state} 状态，不能在本周期内重发退票。"),
    "payments.reissue_unknown": ("NOT_FOUND", "周期 {cycle} 没有这些退票：{instructions}。"),
    "payments.reissue_reason_missing": ("INVALID_ARGUMENT", "账户没有变更仍要重发，必须写明理由（--purpose）。"),
    "payments.unmatched_unknown": ("NOT_FOUND", "没有未匹配回盘 {result}。"),
    "payments.unmatched_decided": (_NOT_NOW, "这条未匹配回盘已由 {by} 处理。"),
    "payments.unmatched_same_person": (_NOT_YOU, "{by} 导入了这条回盘，须由另一人处理。"),
    "payments.unmatched_no_instruction": ("NOT_FOUND", "没有代发指令 {instruction}。"),
    "payments.unmatched_amount": (_NOT_NOW, "回盘金额与指令 {instruction} 不一致，不能认领，请与银行核对后重取回盘。"),
    "payments.unmatched_no_day": (_NOT_NOW, "这条回盘没有入账日期，不能认领为成功。"),
    "payments.funding_short": (_NOT_NOW, "资金不足，周期 {cycle} 的代发指令未发出：{short}。"),
    "payments.funding_source_unknown": ("INVALID_ARGUMENT", "没有资金来源 {source}，可用：{allowed}。"),
    "payments.funding_no_project": ("INVALID_ARGUMENT", "{source}不是福彩公益金项目，不能凭单据支出。"),
    "payments.funding_project_short": (_NOT_NOW, "{source}余额不足，未记支出。"),
    "payments.funding_document_taken": ("ALREADY_EXISTS", "文号 {document_no} 已以其他金额记过账。"),
    "payments.recovery_unknown": ("NOT_FOUND", "没有追回案卷 {recovery}。"),
    "payments.recovery_wrong_state": (_NOT_NOW, "追回案卷 {recovery} 现为 {state} 状态，不能{act}。"),
    "payments.recovery_no_notice": (_NOT_NOW, "追回案卷 {recovery} 还没有发出追回通知。"),
    "payments.recovery_delivered_early": ("INVALID_ARGUMENT", "送达日期不能早于通知发出日 {issued_on}。"),
    "payments.recovery_day_ahead": ("INVALID_ARGUMENT", "{day} 还没有到，日期不能晚于今天。"),
    "payments.recovery_code": ("INVALID_ARGUMENT", "“{code}”不是{what}的代码，可填：{allowed}。"),
    "payments.recovery_too_much": (_NOT_NOW, "退回 {amount} 多于所欠的 {owed}，未登记。"),
    "payments.recovery_no_item": ("NOT_FOUND", "案卷中没有这个项目和月份。"),
    "payments.recovery_receipt_taken": ("ALREADY_EXISTS", "收据号 {receipt} 已登记过另一笔退回款。"),
    "payments.recovery_no_repayment": ("NOT_FOUND", "案卷中没有退回款 {repayment}，或它已被冲销。"),
    "payments.recovery_plan_given": ("INVALID_ARGUMENT", "请逐期写明日期和金额，或写明期数和首期日期，二者选一。"),
    "payments.recovery_plan_length": ("INVALID_ARGUMENT", "分期为 {count} 期，应为 1 到 {most} 期。"),
    "payments.recovery_plan_days": ("INVALID_ARGUMENT", "各期金额须大于 0，日期须依次递增且不早于今天 {today}。"),
    "payments.recovery_plan_sum": (_NOT_NOW, "各期合计 {total}，与所欠的 {owed} 不等。"),
    "payments.recovery_no_plan": (_NOT_NOW, "追回案卷 {recovery} 没有分期计划。"),
    "payments.recovery_no_agreement": (_NOT_NOW, "追回案卷 {recovery} 没有抵扣协议。"),
    "payments.recovery_cap_given": ("INVALID_ARGUMENT", "抵扣上限请写明金额或比例，二者选一。"),
    "payments.recovery_cap_high": (_NOT_NOW, "抵扣比例不得超过发放额的 {most}%。"),
    "payments.recovery_already_proposed": (_NOT_NOW, "追回案卷 {recovery} 已有待确认的核销。"),
    "payments.recovery_no_proposal": (_NOT_NOW, "追回案卷 {recovery} 没有待确认的核销。"),
    "payments.recovery_own_proposal": (_NOT_YOU, "{by} 是核销的提出人，须由另一人确认。"),
    "payments.recovery_not_own_proposal": (_NOT_YOU, "只有提出人 {by} 可以撤回核销。"),
    "payments.recovery_amount_changed": (_NOT_NOW, "所欠金额已变，请重新查看案卷后再确认核销。"),
    "payments.policy_files": ("INVALID_ARGUMENT", "这些政策文件不能使用：{problem}。"),
    "payments.control_failed": ("INTERNAL", "资金核对不平，未写入任何数据：{findings}。"),
    "payments.ledger_unbalanced": ("INTERNAL", "周期 {cycle} 的记账借贷不平，相差 {difference_fen} 分，已停止。"),
    "payments.ledger_recovery_unallocated": (
        "INTERNAL",
        "周期 {cycle} 的收回款有 {difference_fen} 分没有去处，已停止。",
    ),
    **AID_REFUSALS,
    **CHECK_REFUSALS,
}
