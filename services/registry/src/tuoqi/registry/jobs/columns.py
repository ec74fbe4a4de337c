"""The columns of the files that the registry takes; the public file contract prints them the same way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tuoqi.kit.tables import Column
from tuoqi.registry.domain.guardianship import KINDS as GUARDIANSHIP_KINDS

REGION_KINDS: Final = {
    "province": "省",
    "city": "市",
    "county": "县",
    "town": "镇",
    "township": "乡",
    "subdistrict": "街道",
    "village": "村",
    "community": "社区",
}
_REGION: Final = r"[0-9]{12}"
_REGION_ZH: Final = "12 位区划代码"


def _region(key: str, title: str, *, required: bool = False) -> Column:
    return Column(key, title, required=required, pattern=_REGION, pattern_zh=_REGION_ZH)


_ID: Final = Column("id_number", "证件号码", masked=True, max_length=40)
_TEMP: Final = Column("temp_id", "临时编号", masked=True, max_length=60)
_SOURCE: Final = Column("source", "来源", max_length=100)

REGIONS: Final = (
    _region("code", "区划代码", required=True),
    Column("name", "名称", required=True, max_length=100),
    _region("parent", "上级代码"),
    Column("kind", "类型", "code", required=True, choices=REGION_KINDS),
    Column("valid_from", "生效日期", "date"),
    Column("valid_to", "失效日期", "date"),
)
PERSONS: Final = (
    Column("name", "姓名", masked=True, max_length=100),
    _ID,
    _TEMP,
    Column("sex", "性别", "code", choices={"M": "男", "F": "女"}),
    Column("ethnic", "民族", max_length=40),
    Column("birth_date", "出生日期", "date"),
    _region("hukou_region", "户籍区划"),
    _region("residence_region", "居住区划"),
    Column("address", "地址", masked=True),
    Column("phone", "电话", masked=True, max_length=60),
    Column("household_no", "户编号", max_length=60),
    Column("relation_to_head", "与户主关系", max_length=40),
    Column("guardian_name", "监护人姓名", masked=True, max_length=100),
    Column("guardian_id_number", "监护人证件", masked=True, max_length=40),
    Column("guardian_phone", "监护人电话", masked=True, max_length=60),
    Column("account_no", "收款账号", masked=True, max_length=60),
    Column("account_name", "收款人姓名", masked=True, max_length=200),
    Column("account_holder_id", "收款人证件", masked=True, max_length=40),
    Column("bank", "开户行", max_length=200),
    Column("death_date", "死亡日期", "date"),
    Column("note", "备注", masked=True, max_length=2_000),
)
DEATHS: Final = (_ID, _TEMP, Column("death_date", "死亡日期", "date"), _SOURCE)
# Kinds are read by the importer, for a county gives each of them several words.
COMPARISON: Final = (
    _ID,
    _TEMP,
    Column("kind", "事由", required=True, max_length=60),
    Column("date", "日期", "date"),
    _SOURCE,
)
MOVES: Final = (
    _ID,
    _TEMP,
    Column("moved_out_on", "迁出日期", "date"),
    Column("returned_on", "迁回日期", "date"),
    _SOURCE,
)


STATUSES: Final = (
    _ID,
    _TEMP,
    Column("category", "类别", required=True, max_length=60),
    Column("subtype", "子类", max_length=60),
    Column("level", "等级", max_length=60),
    Column("applied_on", "申请日期", "date"),
    Column("decided_on", "认定日期", "date"),
    Column("decision_no", "文号", max_length=200),
    Column("ended_on", "终止日期", "date"),
    Column("end_reason", "终止原因"),
    Column("amount", "金额", "money"),
    Column("valid_until", "有效期至", "date"),
)

STAYS: Final = (
    _ID,
    _TEMP,
    Column("facility", "设施编号", required=True, max_length=60),
    Column("from", "入住日期", "date", required=True),
    Column("to", "离开日期", "date"),
    Column("bed", "床位号", max_length=60),
)
GUARDIANSHIP: Final = (
    _ID,
    _TEMP,
    Column("kind", "监护类型", "code", required=True, choices=GUARDIANSHIP_KINDS),
    Column("guardian_id_number", "监护人证件", masked=True, max_length=40),
    Column("guardian_name", "姓名", masked=True, max_length=100),
    Column("relation", "关系", masked=True, max_length=100),
    Column("from", "起", "date"),
    Column("to", "止", "date"),
    Column("signed_on", "确认书", "date"),
)


def assessment_columns(scales: Mapping[str, str]) -> tuple[Column, ...]:
    """The columns of assessments.csv, with the scales of the county."""
    return (
        _ID,
        _TEMP,
        Column("scale", "量表", "code", required=True, choices=scales),
        Column("assessed_on", "日期", "date", required=True),
        Column("assessors", "评估人", masked=True, max_length=200),
        Column("items", "各项得分", masked=True, required=True, max_length=2_000),
        Column("level", "等级", max_length=60),
    )


def facility_columns(kinds: Mapping[str, str]) -> tuple[Column, ...]:
    """The columns of facilities.csv; figures are kept as they are written, also where they are none."""
    return (
        Column("code", "编号", required=True, max_length=60),
        Column("name", "名称", required=True, max_length=200),
        Column("kind", "类型", "code", required=True, choices=kinds),
        _region("region", "区划", required=True),
        Column("resource_type", "资源类别", max_length=100),
        Column("ownership", "性质", max_length=100),
        Column("floors", "层数", max_length=100),
        Column("total_area_m2", "总面积", max_length=100),
        Column("canteen_m2", "食堂面积", max_length=100),
        Column("outdoor_m2", "室外面积", max_length=100),
        Column("fire_equipment", "消防设施", max_length=300),
        Column("beds", "床位", max_length=100),
        Column("batch", "批次", max_length=100),
        Column("account_no", "收款账号", masked=True, max_length=60),
        Column("account_name", "收款人姓名", masked=True, max_length=200),
        Column("bank", "开户行", max_length=200),
    )


def worker_columns(kinds: Mapping[str, str]) -> tuple[Column, ...]:
    """The columns of workers.csv, with the posts of the county."""
    return (
        Column("name", "姓名", masked=True, max_length=100),
        Column("id_number", "证件号码", required=True, masked=True, max_length=40),
        Column("phone", "电话", masked=True, max_length=60),
        Column("post", "岗位", "code", required=True, choices=kinds),
        _region("region", "区划", required=True),
        Column("from", "起", "date", required=True),
        Column("to", "止", "date"),
        Column("note", "备注", masked=True, max_length=2_000),
    )
