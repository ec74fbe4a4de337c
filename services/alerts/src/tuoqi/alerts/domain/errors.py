"""Every way in which alerts refuses something: slug → gRPC status name and the Chinese sentence that people read."""

REFUSALS: dict[str, tuple[str, str]] = {
    "alerts.closed": ("FAILED_PRECONDITION", "预警 {alert} 已经关闭，不能再处理。"),
    "alerts.bad_day": ("INVALID_ARGUMENT", "“{day}”不是日期。"),
    "alerts.unknown_state": ("INVALID_ARGUMENT", "不认识的逾期状态“{state}”。"),
}
