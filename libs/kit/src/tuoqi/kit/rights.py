"""Who may do what, and where: users, roles and regions as the county's files say it.

The kit knows no right by name; the contracts name one beside each method, and the county's `roles.yaml` grants them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

from tuoqi.kit.county import County, CountyError
from tuoqi.kit.errors import TuoqiError

SERVICE_PREFIX: Final = "service:"
"""A service that calls a peer on its own behalf is the user `service:<name>`."""

SERVICE_ROLE: Final = "service"
"""The role in roles.yaml whose rights such a caller has; no person may hold it."""

_SERVICE_NAME: Final = re.compile(r"service:[a-z][a-z0-9_-]{0,31}")
_EVERYWHERE: Final[tuple[str, ...]] = ("",)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts 经办人: a user of the county or a service, with what the county grants him."""

    user: str
    purpose: str = ""
    roles: frozenset[str] = frozenset()
    regions: tuple[str, ...] = _EVERYWHERE
    """Prefixes of the region codes in which he may act; the empty prefix stands for everywhere."""
    service: bool = False
    rights: frozenset[str] = frozenset()

    def has(self, right: str) -> bool:
        """Whether his roles grant the right."""
        return right in self.rights

    def require(self, right: str) -> None:
        """Raises auth.no_right where his roles do not grant it."""
        if right not in self.rights:
            raise TuoqiError("auth.no_right", user=self.user, right=right)

    def require_purpose(self) -> None:
        """Raises auth.no_purpose where he does not say why."""
        if not self.purpose.strip():
            raise TuoqiError("auth.no_purpose")

    def may_act_in(self, region_code: str) -> bool:
        """Whether the region lies within his; a record without a region is only for those who act everywhere."""
        return region_code.startswith(self.regions)

    def require_region(self, region_code: str) -> None:
        """Raises auth.no_region where the region is not his."""
        if not self.may_act_in(region_code):
            raise TuoqiError("auth.no_region", user=self.user, region=region_code)


_acting: ContextVar[Actor | None] = ContextVar("actor", default=None)


def current_actor() -> Actor:
    """Who makes the call under way. Raises auth.no_user outside of any."""
    actor = _acting.get()
    if actor is None:
        raise TuoqiError("auth.no_user")
    return actor


def current_actor_or_none() -> Actor | None:
    """Who makes the call under way, None outside of any."""
    return _acting.get()


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """Make him the current actor."""
    # Put back by hand, not by token: a cancelled stream may be closed in another context.
    before = _acting.get()
    _acting.set(actor)
    try:
        yield
    finally:
        _acting.set(before)


@dataclass(frozen=True, slots=True)
class _User:
    name: str
    roles: frozenset[str]
    regions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rights:
    """The users and roles of one county."""

    users: dict[str, _User]
    grants: dict[str, frozenset[str]]
    """Role → rights."""

    @classmethod
    def from_county(cls, county: County) -> Rights:
        """Read users.yaml and roles.yaml. Raises CountyError for unknown or incompatible roles."""
        grants, incompatible = _read_roles(county)
        users: dict[str, _User] = {}
        for entry in _entries(county, "users"):
            user = _read_user(entry, grants)
            if user.name in users:
                raise CountyError(f"{county.folder}/users.yaml: user {user.name} is listed twice")
            for pair in incompatible:
                if pair <= user.roles:
                    raise CountyError(
                        f"{county.folder}/users.yaml: {user.name} may not be {' and '.join(sorted(pair))}"
                    )
            users[user.name] = user
        return cls(users=users, grants=grants)

    def actor(self, user: str, purpose: str = "") -> Actor:
        """The actor of that name. Raises auth.no_user and auth.unknown_user."""
        if not user:
            raise TuoqiError("auth.no_user")
        if user.startswith(SERVICE_PREFIX):
            if not _SERVICE_NAME.fullmatch(user):
                raise TuoqiError("auth.unknown_user", user=user)
            roles, regions = frozenset({SERVICE_ROLE}), _EVERYWHERE
        else:
            known = self.users.get(user)
            if known is None:
                raise TuoqiError("auth.unknown_user", user=user)
            roles, regions = known.roles, known.regions
        rights = frozenset[str]().union(*(self.grants.get(role, frozenset()) for role in roles))
        service = SERVICE_ROLE in roles
        return Actor(user=user, purpose=purpose, roles=roles, regions=regions, service=service, rights=rights)

    def require(self, user: str, right: str, purpose: str = "") -> Actor:
        """The actor, if he has the right. Raises auth.no_user, auth.unknown_user, auth.no_right."""
        actor = self.actor(user, purpose)
        actor.require(right)
        return actor


def _entries(county: County, name: str) -> list[dict[str, Any]]:
    (content,) = county.policy(name)
    entries = content.get(name)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise CountyError(f"{county.folder}/{name}.yaml: needs a list `{name}`")
    return entries


def _strings(where: str, value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise CountyError(f"{where}: a list of quoted texts is expected, not {value!r}")
    return value


def _read_roles(county: County) -> tuple[dict[str, frozenset[str]], list[frozenset[str]]]:
    where = f"{county.folder}/roles.yaml"
    grants: dict[str, frozenset[str]] = {}
    for entry in _entries(county, "roles"):
        role = entry.get("role")
        if not isinstance(role, str) or role in grants:
            raise CountyError(f"{where}: a role without a name, or listed twice: {role}")
        grants[role] = frozenset(_strings(f"{where}: role {role}", entry.get("rights")))
    (content,) = county.policy("roles")
    incompatible = [frozenset(_strings(where, pair)) for pair in content.get("incompatible", [])]
    for pair in incompatible:
        if unknown := pair - grants.keys():
            raise CountyError(f"{where}: unknown roles in `incompatible`: {sorted(unknown)}")
    return grants, incompatible


def _read_user(entry: dict[str, Any], grants: dict[str, frozenset[str]]) -> _User:
    name = entry.get("user")
    if not isinstance(name, str) or not name or name.startswith(SERVICE_PREFIX):
        raise CountyError(f"users.yaml: not a user's name: {name!r}")
    roles = frozenset(_strings(f"users.yaml: roles of {name}", entry.get("roles")))
    if unknown := (roles - grants.keys()) | (roles & {SERVICE_ROLE}):
        raise CountyError(f"users.yaml: {name} has roles that nobody may have: {sorted(unknown)}")
    regions = tuple(_strings(f"users.yaml: regions of {name}", entry.get("regions", [])))
    if any(not prefix.isdigit() for prefix in regions):
        raise CountyError(f"users.yaml: regions of {name} must be quoted digits")
    return _User(name=name, roles=roles, regions=regions or _EVERYWHERE)
