"""Every way in which the registry refuses something: slug → gRPC status name and the Chinese sentence people read."""

from __future__ import annotations

from typing import Final

REFUSALS: Final[dict[str, tuple[str, str]]] = {
    "registry.fence_in_future": ("FAILED_PRECONDITION", "截止时点 {cutoff} 尚未到，现在是 {now}。"),
    "registry.account_unknown": ("NOT_FOUND", "有 {count} 个账户版本不存在。"),
    "registry.person_region": ("PERMISSION_DENIED", "名单中有 {count} 人不在用户“{user}”管理的区划内。"),
}
