"""What a county's `records.yaml` says of records and their attachments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tuoqi.visits.domain.fields import PolicyError, items, mapping, number, text, texts, truth
from tuoqi.visits.domain.records import CHANNELS

ROLES = {
    "grid_worker": "网格员",
    "village_child_director": "儿童主任",
    "township_child_supervisor": "儿童督导员",
    "volunteer": "志愿者",
    "loving_mother": "爱心妈妈",
    "social_worker": "社工",
    "paired_official": "干部",
    "third_party": "第三方",
}
"""Roles of the file contract."""
MEDIA_TYPES = ("image/jpeg", "image/png", "image/webp", "application/pdf")
"""Media types whose content we can check."""
PHOTO, SIGNATURE = "photo", "signature"
ELDER, CHILD = "elder", "child"
ELDER_AGE, CHILD_BELOW = 60, 18
PLACES_MAX = 4
MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Channel:
    """One way of visiting: its name, and whether such a visit counts."""

    name: str
    counts: bool


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the list 探访内容: its name, its head, and for whom it is (elder, child; none = everybody)."""

    name: str
    head: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AttachmentRule:
    """What a kind of attachment may be."""

    media_types: tuple[str, ...]
    bytes_max: int


@dataclass(frozen=True, slots=True)
class RecordRules:
    """A county's rules about records."""

    channels: Mapping[str, Channel] = field(
        default_factory=lambda: {code: Channel(name, counts=True) for code, name in CHANNELS.items()}
    )
    roles: Mapping[str, str] = field(default_factory=lambda: ROLES)
    checks: Mapping[str, Check] = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)
    place_decimals: int = 2
    """Digits after the point of a degree: 2 are about one kilometre."""
    clock_behind_days: int = 365
    """A visit further back than this is marked: the device's clock is to be doubted."""
    attachments: Mapping[str, AttachmentRule] = field(
        default_factory=lambda: {
            PHOTO: AttachmentRule(MEDIA_TYPES[:3], 8 * MEGABYTE),
            SIGNATURE: AttachmentRule(MEDIA_TYPES, 2 * MEGABYTE),
        }
    )
    attachments_max: int = 12
    """The most attachments of one record."""
    orphan_days: int = 30
    """An attachment whose record has not come by then is swept."""

    def channel_counts(self, code: str) -> bool:
        """Whether a visit by this channel counts; one that the county does not name does not."""
        channel = self.channels.get(code)
        return channel is not None and channel.counts

    def group_of(self, age: int) -> str:
        """The group whose checks apply at an age in full years; empty in between."""
        return ELDER if age >= ELDER_AGE else CHILD if age < CHILD_BELOW else ""


def read_record_rules(data: object) -> RecordRules:
    """The rules of a file; raises PolicyError."""
    top = mapping(
        data, "", {"channels", "roles", "checklist", "answers", "place_decimals", "clock_behind_days", "attachments"}
    )
    plain = RecordRules()
    limits = mapping(top.get("attachments", {}), "attachments", {"photo", "signature", "at_most", "orphan_days"})
    kinds = {kind: _attachment(limits[kind], f"attachments.{kind}") for kind in (PHOTO, SIGNATURE) if kind in limits}
    return RecordRules(
        channels=_channels(top.get("channels")),
        roles=_words(top.get("roles"), "roles"),
        checks=_checks(top.get("checklist")),
        answers=_words(top.get("answers"), "answers"),
        place_decimals=_decimals(top),
        clock_behind_days=number(top, "clock_behind_days", "", plain.clock_behind_days, least=1),
        attachments={**plain.attachments, **kinds},
        attachments_max=number(limits, "at_most", "attachments", plain.attachments_max, least=1),
        orphan_days=number(limits, "orphan_days", "attachments", plain.orphan_days, least=1),
    )


def _channels(data: object) -> dict[str, Channel]:
    channels: dict[str, Channel] = {}
    for one, path in items(data, "channels"):
        row = mapping(one, path, {"code", "name", "counts"})
        code = text(row.get("code"), f"{path}.code")
        if code in channels:
            raise PolicyError(path, f"“{code}”写了两次")
        channels[code] = Channel(text(row.get("name"), f"{path}.name"), truth(row, "counts", path, default=True))
    missing = [code for code in CHANNELS if code not in channels]
    if missing:
        raise PolicyError("channels", f"缺少文件格式规定的方式：{'、'.join(missing)}")
    return channels


def _words(data: object, path: str) -> dict[str, str]:
    row = mapping(data, path, None)
    if not row:
        raise PolicyError(path, "应至少有一项")
    return {text(key, path): text(value, f"{path}.{key}") for key, value in row.items()}


def _checks(data: object) -> dict[str, Check]:
    checks: dict[str, Check] = {}
    for one, path in items(data, "checklist"):
        head = mapping(one, path, {"head", "checks", "for"})
        name = text(head.get("head"), f"{path}.head")
        groups = texts(head, "for", path)
        unknown = sorted(set(groups) - {ELDER, CHILD})
        if unknown:
            raise PolicyError(f"{path}.for", f"不认识“{unknown[0]}”，可用：{ELDER}、{CHILD}")
        for code, title in _words(head.get("checks"), f"{path}.checks").items():
            if code in checks:
                raise PolicyError(f"{path}.checks", f"“{code}”写了两次")
            checks[code] = Check(title, name, groups)
    return checks


def _decimals(top: Mapping[str, object]) -> int:
    found = number(top, "place_decimals", "", RecordRules().place_decimals)
    if found > PLACES_MAX:
        raise PolicyError("place_decimals", f"位置须是大致的，最多 {PLACES_MAX} 位小数")
    return found


def _attachment(data: object, path: str) -> AttachmentRule:
    row = mapping(data, path, {"media_types", "kilobytes"})
    media = texts(row, "media_types", path)
    unknown = sorted(set(media) - set(MEDIA_TYPES))
    if unknown or not media:
        raise PolicyError(f"{path}.media_types", f"可用：{'、'.join(MEDIA_TYPES)}")
    return AttachmentRule(media, number(row, "kilobytes", path, 0, least=1) * 1024)
