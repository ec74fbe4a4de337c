"""A county's rules of recovery as data: `recoveries.yaml`; terms, limits, and the words that codes stand for."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field

from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.policy_fields import Node, PolicyError, distinct, rising

RECOVERIES_FILE = "recoveries.yaml"


@dataclass(frozen=True, slots=True)
class RecoveryRules:
    """The rules of one version: days until a notice is due, how long a plan may be, how much may be offset."""

    effective_from: Month
    notice_days: int = 15
    instalments_max: int = 36
    offset_max_percent: int = 50
    """The most of a payment that an agreement may name."""


@dataclass(frozen=True, slots=True)
class RecoveryPolicy:
    """All versions, and what the codes mean: key → Chinese."""

    versions: tuple[RecoveryRules, ...] = ()
    write_off_reasons: Mapping[str, str] = field(default_factory=dict)
    deliveries: Mapping[str, str] = field(default_factory=dict)
    payers: Mapping[str, str] = field(default_factory=dict)
    end_reasons: Mapping[str, str] = field(default_factory=dict)

    def rules(self, month: Month) -> RecoveryRules:
        """The rules in force in a month; before the first version the first counts."""
        if not self.versions:
            return RecoveryRules(month)
        position = bisect_right([rules.effective_from for rules in self.versions], month)
        return self.versions[max(position - 1, 0)]


def parse_recoveries(files: Mapping[str, object], county: str) -> RecoveryPolicy:
    """The county's rules; the platform's own where there is no such file. PolicyError names file, place and reason."""
    if RECOVERIES_FILE not in files:
        return RecoveryPolicy()
    node = Node.of_file(files, RECOVERIES_FILE)
    node.only("county", "versions", "write_off_reasons", "deliveries", "payers", "end_reasons")
    if node.text("county") != county:
        raise PolicyError(node.path("county"), f"应与其他文件的县代码 {county} 相同")
    versions = tuple(_version(row) for row in node.rows("versions"))
    rising(node, "versions", [rules.effective_from for rules in versions])
    return RecoveryPolicy(
        versions=versions,
        write_off_reasons=_words(node, "write_off_reasons"),
        deliveries=_words(node, "deliveries"),
        payers=_words(node, "payers"),
        end_reasons=_words(node, "end_reasons"),
    )


def _version(node: Node) -> RecoveryRules:
    node.only("effective_from", "notice_days", "instalments_max", "offset_max_percent")
    return RecoveryRules(
        effective_from=node.month("effective_from"),
        notice_days=node.number("notice_days", 1, 365),
        instalments_max=node.number("instalments_max", 1, 240),
        offset_max_percent=node.number("offset_max_percent", 1, 100),
    )


def _words(node: Node, name: str) -> dict[str, str]:
    words: dict[str, str] = {}
    rows = list(node.rows(name))
    for row in rows:
        row.only("key", "name")
    distinct(node, name, [row.text("key") for row in rows])
    for row in rows:
        words[row.text("key")] = row.text("name")
    return words
