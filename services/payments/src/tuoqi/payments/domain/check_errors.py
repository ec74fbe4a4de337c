"""Refusals of what comes after the payment: checks, life certification, care vouchers."""

from collections.abc import Mapping

_NOT_NOW = "FAILED_PRECONDITION"
_NOT_YOU = "PERMISSION_DENIED"
_WRONG = "INVALID_ARGUMENT"

CHECK_REFUSALS: Mapping[str, tuple[str, str]] = {
    "payments.verification_nothing_paid": (_NOT_NOW, "所选范围内还没有已发放的明细，无法抽样。"),
    "payments.verification_key_used": ("ALREADY_EXISTS", "抽样键“{key}”已用于另一次不同的抽样。"),
    "payments.verification_scope": (_WRONG, "请写明一个周期，或起止月份，二者取一。"),
    "payments.verification_sample_unknown": ("NOT_FOUND", "没有样本 {sample}。"),
    "payments.verification_no_such_line": ("NOT_FOUND", "样本中没有第 {position} 号明细。"),
    "payments.verification_own_cycle": (_NOT_YOU, "{by} 复核或审批过这一周期，不能核查或登记它的抽查结果。"),
    "payments.verification_day_ahead": (_WRONG, "核查日期 {on} 不能晚于今天。"),
    "payments.verification_amount_right": (_WRONG, "结果为金额不符时，须写明与实发不同的应发金额。"),
    "payments.campaign_unknown": ("NOT_FOUND", "没有这个认证活动。"),
    "payments.campaign_period": (_WRONG, "认证期间 {first} 至 {last} 不成立：应先起后止，且不超过两年。"),
    "payments.campaign_remind_days": (_WRONG, "提醒日应为截止前 0 至 731 天。"),
    "payments.campaign_children": (_WRONG, "生存认证不面向未成年人，起始年龄应不小于 18。"),
    "payments.campaign_programme": (_WRONG, "项目 {programme} 不在本县项目之列，或是儿童项目，不能要求生存认证。"),
    "payments.campaign_nobody": (_NOT_NOW, "没有符合条件的人，未开展认证活动。"),
    "payments.campaign_closed": (_NOT_NOW, "认证活动“{campaign}”已经结束。"),
    "payments.campaign_still_runs": (_NOT_NOW, "认证活动“{campaign}”到 {until} 截止（另有宽限），提前结束须写明理由。"),
    "payments.campaign_reason_missing": (_WRONG, "延长认证期限须写明理由。"),
    "payments.campaign_extension": (_WRONG, "延长到的日期 {until} 应晚于截止日 {last}，且不超过两年。"),
    "payments.campaign_not_member": ("NOT_FOUND", "此人不在这个认证活动的名单中。"),
    "payments.certification_refused": (_WRONG, "不能登记这次生存认证：{reason}。"),
    "payments.voucher_not_offered": (_NOT_NOW, "本县在 {month} 没有养老服务消费券。"),
    "payments.voucher_issue_month": (_NOT_NOW, "只能发放本月或下月的消费券，不能发放 {month} 的。"),
    "payments.voucher_month_unknown": ("NOT_FOUND", "{month} 没有发放过消费券。"),
    "payments.voucher_none": ("NOT_FOUND", "此人 {month} 没有消费券。"),
    "payments.voucher_used_up": (_NOT_NOW, "此人 {month} 的消费券已经用完或到期。"),
    "payments.voucher_bill_too_small": (_WRONG, "账单金额过小，消费券抵扣不到一分钱。"),
    "payments.voucher_day_ahead": (_WRONG, "服务日期 {on} 不能晚于今天。"),
    "payments.voucher_month_over": (_NOT_NOW, "消费券当月有效，{month} 的服务现在不能登记。"),
    "payments.voucher_person_died": (_NOT_NOW, "此人已登记于 {on} 死亡，之后的服务不能使用消费券。"),
    "payments.voucher_provider": (_NOT_NOW, "设施 {facility} 没有登记为收券机构。"),
    "payments.voucher_provider_kind": (_NOT_NOW, "设施 {facility} 不存在、已关闭，或其类型不能收券。"),
    "payments.voucher_key_used": ("ALREADY_EXISTS", "同一键已用于另一张不同的账单。"),
    "payments.voucher_receipt_used": ("ALREADY_EXISTS", "设施 {facility} 的收据 {receipt} 已经登记过。"),
    "payments.voucher_spend_unknown": ("NOT_FOUND", "没有这笔消费。"),
    "payments.voucher_spend_reversed": (_NOT_NOW, "这笔消费已经撤销。"),
    "payments.voucher_reason_missing": (_WRONG, "撤销消费须用 --purpose 写明理由。"),
    "payments.voucher_settled": (_NOT_NOW, "{month} 已经结算给服务机构，不能再改。"),
    "payments.voucher_not_expired": (_NOT_NOW, "{month} 还没有结束，不能结算。"),
    "payments.voucher_not_prepared": (_NOT_NOW, "{month} 的结算还没有编制。"),
    "payments.voucher_not_confirmed": (_NOT_NOW, "{month} 的结算还没有由第二人确认，不能交银行。"),
    "payments.voucher_settlement_changed": (_NOT_NOW, "{month} 的账单在编制之后有变动，请重新编制结算。"),
    "payments.voucher_settles_alone": (_NOT_YOU, "{by} 编制了这份结算，须由另一人确认。"),
}
"""Slug → gRPC status name and the Chinese sentence; `errors.REFUSALS` holds them too."""
