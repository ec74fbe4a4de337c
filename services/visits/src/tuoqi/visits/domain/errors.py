"""Why visits refuses something: slug → (gRPC status, Chinese sentence). Registered with the kit by `__main__`."""

MEANINGS: dict[str, tuple[str, str]] = {
    "visits.bad_page": ("INVALID_ARGUMENT", "翻页标记无效，请从第一页重新查询。"),
    "visits.bad_state": ("INVALID_ARGUMENT", "没有“{state}”这种逾期状态，可用：{allowed}。"),
    "visits.bad_region": ("INVALID_ARGUMENT", "区划代码应为 12 位数字。"),
    "visits.bad_date": ("INVALID_ARGUMENT", "“{value}”不是日期，应写作 2026-07-10。"),
}
