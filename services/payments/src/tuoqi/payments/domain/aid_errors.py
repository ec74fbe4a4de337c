"""How one-off aid, goods and submissions of other systems are refused: slug → gRPC status name and Chinese sentence."""

from __future__ import annotations

from typing import Final

_NOT_NOW: Final = "FAILED_PRECONDITION"
_NOT_YOU: Final = "PERMISSION_DENIED"
_WRONG: Final = "INVALID_ARGUMENT"
_THERE: Final = "ALREADY_EXISTS"
_NOWHERE: Final = "NOT_FOUND"

AID_REFUSALS: Final[dict[str, tuple[str, str]]] = {
    "payments.aid_unknown": (_NOWHERE, "没有这份一次性救助申请。"),
    "payments.aid_person_unknown": (_NOWHERE, "登记信息中没有此人，或此人不在您管辖的区划。"),
    "payments.aid_not_a_programme": (_WRONG, "“{programme}”不是本县可以申请的一次性救助项目，可填：{allowed}。"),
    "payments.aid_not_in_force": (_NOT_NOW, "{month} 尚无项目 {programme} 的标准。"),
    "payments.aid_before_birth": (_WRONG, "申请日期早于出生日期。"),
    "payments.aid_day_ahead": (_WRONG, "日期 {day} 晚于今天。"),
    "payments.aid_type_missing": (_WRONG, "临时救助须写明类型，可填：{allowed}。"),
    "payments.aid_cause_missing": (_WRONG, "临时救助须写明一个事由，可填：{allowed}。"),
    "payments.aid_amount_missing": (_WRONG, "须写明申请金额。"),
    "payments.aid_item_missing": (_WRONG, "须写明享受的项目或档次，不填类型，可填：{allowed}。"),
    "payments.aid_item_unknown": (_WRONG, "“{item}”不在本县标准中，可填：{allowed}。"),
    "payments.aid_item_twice": (_WRONG, "同一项目写了不止一次。"),
    "payments.aid_amount_not_table": (_WRONG, "金额 {amount} 元与本县标准 {table} 元不符。"),
    "payments.aid_person_dead": (_NOT_NOW, "此人已于 {died} 去世，不能申请。"),
    "payments.aid_needs_death": (_NOT_NOW, "登记信息中此人没有去世记录，不能申请丧葬补助。"),
    "payments.aid_death_too_long_ago": (_NOT_NOW, "此人于 {died} 去世，须在此后 {months} 个月内申请。"),
    "payments.aid_once_a_school_year": (_NOT_NOW, "此人在 {first} 至 {last} 学年已有助学金，每学年只给一次。"),
    "payments.aid_once_after_death": (_NOT_NOW, "此人的丧葬补助已经申请过，只给一次。"),
    "payments.aid_once_an_occasion": (_NOT_NOW, "此人 {year} 年已有“{occasion}”慰问金，每年只给一次。"),
    "payments.aid_same_cause": (
        _NOT_NOW,
        "同一事由（{cause}）在 {months} 个月内只救助一次，此人已于 {earlier} 申请过。",
    ),
    "payments.aid_wrong_state": (_NOT_NOW, "这份申请现为 {state} 状态，不能{act}。"),
    "payments.aid_own_application": (_NOT_YOU, "{by} 是申请的经办人，须由另一人审批。"),
    "payments.aid_decided_by_you": (_NOT_YOU, "{by} 已审批过这份申请，第二次审批须由另一人完成。"),
    "payments.aid_county_decides": (_NOT_YOU, "项目 {programme} 的这一事项须由县民政办理。"),
    "payments.aid_above_township": (
        _NOT_YOU,
        "乡镇审批限额为 {limit} 元（标准的 {times} 倍），本次 {amount} 元须报县民政审批。",
    ),
    "payments.aid_above_ceiling": (
        _NOT_NOW,
        "临时救助的最高限额为 {limit} 元（标准的 {times} 倍），本次为 {amount} 元。",
    ),
    "payments.aid_above_year": (
        _NOT_NOW,
        "此人 {year} 年已获临时救助 {before} 元，加本次 {amount} 元超过全年限额 {limit} 元（标准的 {times} 倍）。",
    ),
    "payments.aid_above_emergency": (_NOT_NOW, "先行救助的限额为 {limit} 元，本次 {amount} 元须先办齐手续。"),
    "payments.aid_papers_first": (_NOT_NOW, "只有急难型临时救助可以先行救助、后补手续。"),
    "payments.aid_more_than_applied": (_WRONG, "批准金额 {amount} 元须大于 0 且不超过申请金额 {applied} 元。"),
    "payments.aid_second_differs": (_NOT_NOW, "第一人批准 {first} 元，第二人须批准同样的金额，现为 {second} 元。"),
    "payments.aid_reason_missing": (_WRONG, "不予批准须写明理由。"),
    "payments.aid_one_amount": (_WRONG, "写明金额时一次只能审批一份申请。"),
    "payments.aid_key_reused": (_THERE, "这个编号已用于另一份内容，请换一个编号。"),
    "payments.goods_unknown": (_WRONG, "“{code}”不在本县慰问物资的{what}中，可填：{allowed}。"),
    "payments.goods_above_ceiling": (_NOT_NOW, "每人每次慰问物资的价值上限为 {limit} 元，本次为 {value} 元。"),
    "payments.goods_not_found": (_NOWHERE, "没有这笔慰问物资记录。"),
    "payments.goods_not_an_issue": (_NOT_NOW, "记录 {issue} 本身是冲销，不能再冲销。"),
    "payments.goods_taken_back": (_NOT_NOW, "记录 {issue} 已经冲销过。"),
    "payments.batch_unknown": (_NOWHERE, "没有提交批次 {batch}。"),
    "payments.batch_key_reused": (_THERE, "幂等键 {key} 已用于另一份内容，未作处理；请换一个键。"),
    "payments.batch_own": (_NOT_YOU, "{by} 是批次的提交方，须由县民政放行。"),
    "payments.batch_empty": (_NOT_NOW, "批次 {batch} 没有可以放行的明细。"),
    "payments.batch_above_ceiling": (
        _NOT_NOW,
        "批次 {batch} 有 {count} 条使此人当月合计超过上限，未放行；请先作废：{refs}。",
    ),
    "payments.batch_school_year": (
        _NOT_NOW,
        "批次 {batch} 有 {count} 条的人员在同一学年已有助学金，未放行；请先作废：{refs}。",
    ),
    "payments.batch_released_already": (_NOT_YOU, "批次 {batch} 已由县民政放行，提交方不能再作废其明细。"),
    "payments.line_unknown": (_NOWHERE, "没有提交明细 {line_ref}。"),
    "payments.line_ref_wrong": (
        _WRONG,
        "第 {number} 条的编号（line_ref）应为字母、数字和 _ . : -，最长 64 个字符，未作处理。",
    ),
    "payments.line_ref_private": (_WRONG, "明细编号（line_ref）中含有像证件号、卡号或电话的数字，未作处理。"),
    "payments.line_ref_reused": (_THERE, "编号 {line_ref} 已用于另一笔内容不同的明细。"),
    "payments.line_programme_closed": (_NOT_YOU, "项目 {programme} 不接受 {client} 提交。"),
    "payments.line_month_wrong": (_WRONG, "{month} 不是月份，应写作 2026-07。"),
    "payments.line_month_out_of_reach": (_NOT_NOW, "项目“{name}”不能提交享受月份 {month}，最晚为 {last}。"),
    "payments.line_amount_wrong": (_WRONG, "明细 {line_ref} 的金额须大于 0 分。"),
    "payments.line_above_ceiling": (_NOT_NOW, "金额 {amount} 元超过上限 {limit} 元。"),
    "payments.line_person_unknown": (_NOWHERE, "明细 {line_ref} 的人员不在登记信息中。"),
    "payments.line_after_death": (_NOT_NOW, "享受月份 {month} 晚于此人去世的月份（{died}）。"),
}
