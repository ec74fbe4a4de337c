"""The files of a county as tables: headers of the public file contract, written as the platform itself writes them."""

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

PERSONS: Final = (
    "姓名[name]", "证件号码[id_number]", "临时编号[temp_id]", "性别[sex]", "民族[ethnic]", "出生日期[birth_date]",
    "户籍区划[hukou_region]", "居住区划[residence_region]", "地址[address]", "电话[phone]", "户编号[household_no]",
    "与户主关系[relation_to_head]", "监护人姓名[guardian_name]", "监护人证件[guardian_id_number]",
    "监护人电话[guardian_phone]", "收款账号[account_no]", "收款人姓名[account_name]", "收款人证件[account_holder_id]",
    "开户行[bank]", "死亡日期[death_date]", "备注[note]",
)  # fmt: skip
STATUSES: Final = (
    "证件号码[id_number]", "临时编号[temp_id]", "类别[category]", "子类[subtype]", "等级[level]",
    "申请日期[applied_on]", "认定日期[decided_on]", "文号[decision_no]", "终止日期[ended_on]", "终止原因[end_reason]",
    "金额[amount]", "有效期至[valid_until]",
)  # fmt: skip
VISITS: Final = (
    "记录编号[visit_id]", "证件号码[id_number]", "临时编号[temp_id]", "时间[started_at]", "方式[channel]",
    "探访人[visitor]", "角色[visitor_role]", "结果[result]", "发现[findings]", "服务[services]", "备注[note]",
)  # fmt: skip
FACILITIES: Final = (
    "编号[code]", "名称[name]", "类型[kind]", "区划[region]", "资源类别[resource_type]", "性质[ownership]",
    "层数[floors]", "总面积[total_area_m2]", "食堂面积[canteen_m2]", "室外面积[outdoor_m2]", "消防设施[fire_equipment]",
    "床位[beds]", "批次[batch]", "收款账号[account_no]", "收款人姓名[account_name]", "开户行[bank]",
)  # fmt: skip
REGIONS: Final = (
    "区划代码[code]", "名称[name]", "上级代码[parent]", "类型[kind]", "生效日期[valid_from]", "失效日期[valid_to]",
)  # fmt: skip
STAYS: Final = (
    "证件号码[id_number]", "临时编号[temp_id]", "设施编号[facility]", "入住日期[from]", "离开日期[to]", "床位号[bed]",
)  # fmt: skip
GUARDIANSHIP: Final = (
    "证件号码[id_number]", "临时编号[temp_id]", "监护类型[kind]", "监护人证件[guardian_id_number]", "姓名[guardian_name]",
    "关系[relation]", "起[from]", "止[to]", "确认书[signed_on]",
)  # fmt: skip
ASSESSMENTS: Final = (
    "证件号码[id_number]", "临时编号[temp_id]", "量表[scale]", "日期[assessed_on]", "评估人[assessors]",
    "各项得分[items]", "等级[level]",
)  # fmt: skip
DEATHS: Final = ("证件号码[id_number]", "临时编号[temp_id]", "死亡日期[death_date]", "来源[source]")
MOVES: Final = (
    "证件号码[id_number]", "临时编号[temp_id]", "迁出日期[moved_out_on]", "迁回日期[returned_on]", "来源[source]",
)  # fmt: skip
PRICE_INDEX: Final = (
    "月份[month]", "CPI同比[cpi_yoy]", "食品同比[food_yoy]", "SCPI同比[scpi_yoy]", "发布日期[published_on]",
)  # fmt: skip

WORKERS: Final = (
    "姓名[name]", "证件号码[id_number]", "电话[phone]", "岗位[post]", "区划[region]", "起[from]", "止[to]", "备注[note]",
)  # fmt: skip


class Table:
    """One open CSV file (UTF-8 with BOM, CRLF) and the number of data rows written to it."""

    def __init__(self, path: Path, header: Sequence[str]) -> None:
        self.rows = 0
        self._file = path.open("w", encoding="utf-8-sig", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow(header)

    def write(self, row: Sequence[str]) -> None:
        """Append one data row."""
        self._writer.writerow(row)
        self.rows += 1

    def write_lines(self, lines: Sequence[str]) -> None:
        """Append data rows that are CSV lines already, each with its line end."""
        self._file.writelines(lines)
        self.rows += len(lines)

    def close(self) -> None:
        """Flush and close the file."""
        self._file.close()


@contextmanager
def table(path: Path, header: Sequence[str]) -> Iterator[Table]:
    """A table that is closed at the end of the block."""
    opened = Table(path, header)
    try:
        yield opened
    finally:
        opened.close()
