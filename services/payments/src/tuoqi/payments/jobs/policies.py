"""The county's files as payments reads them: every fault with file, line and reason, and what stands in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from tuoqi.kit.checking import Findings, attempt
from tuoqi.kit.county import County, CountyError, Fault
from tuoqi.kit.errors import TuoqiError
from tuoqi.payments.domain.aid_policy import AidPolicy, parse_aid_policy
from tuoqi.payments.domain.banks import BankFormats, parse_banks
from tuoqi.payments.domain.figures import Figures, parse_figures
from tuoqi.payments.domain.funding import FundingRules, parse_funding
from tuoqi.payments.domain.policy import Policy, parse_policy
from tuoqi.payments.domain.policy_fields import PolicyError
from tuoqi.payments.domain.policy_summary import summary
from tuoqi.payments.domain.verification import VerificationRules, parse_verification
from tuoqi.payments.domain.vouchers import VoucherRules, parse_vouchers

FOLDER = "payments"
CATEGORIES = "registry/categories.yaml"
"""The county's own list of status categories: a programme that asks for another one would pay nobody."""
_Read = TypeVar("_Read")


def located(county: County, parse: Callable[[Mapping[str, object]], _Read]) -> _Read:
    """What a reader makes of the county's payment files. Raises CountyError: file, line, place, reason of each fault."""
    documents = {
        name.removeprefix(f"{FOLDER}/"): county.document(name) for name in county.names(FOLDER) if name.count("/") == 1
    }
    try:
        return parse({name: document.content for name, document in documents.items()})
    except PolicyError as error:
        faults = []
        for one in error.all:
            file, _, place = one.path.partition(":")
            document, place = documents.get(file), place.strip()
            line = document.line_of(place) if document else 0
            faults.append(Fault(f"{FOLDER}/{file}", line, place, one.reason))
        raise CountyError(f"{county.folder}/{faults[0]}", faults) from error


def read_policy(county: County) -> Policy:
    """The county's payment rules. Raises CountyError which names file, line, place and reason of each fault."""
    return located(county, lambda files: parse_policy(files, _categories(county)))


def read_figures(county: County) -> Figures:
    """The county's figures of what was paid."""
    policy = read_policy(county)
    return located(county, lambda files: parse_figures(files, policy.order))


def read_aid_policy(county: County) -> AidPolicy:
    """The county's rules of one-off aid and of submissions."""
    policy = read_policy(county)
    return located(county, lambda files: parse_aid_policy(files, policy))


def read_banks(county: County) -> BankFormats:
    """The county's bank templates."""
    return located(county, lambda files: parse_banks(files, county.code))


def read_funding(county: County) -> FundingRules:
    """The county's sources of money."""
    policy = read_policy(county)
    return located(county, lambda files: parse_funding(files, county.code, policy.order))


def read_verification(county: County) -> VerificationRules:
    """The county's rules of checks and certification."""
    return located(county, lambda files: parse_verification(files, county.code))


def read_vouchers(county: County) -> VoucherRules:
    """The county's care vouchers."""
    return located(county, lambda files: parse_vouchers(files, county.code))


READERS = (read_aid_policy, read_banks, read_figures, read_funding, read_verification, read_vouchers)
"""The readers of files beside the programmes. Each raises CountyError, as `read_policy` does."""


def _categories(county: County) -> frozenset[str]:
    """The status categories of the county's register; none where the folder has no list of them."""
    if CATEGORIES not in county.names():
        return frozenset()
    rows = county.document(CATEGORIES).content.get("categories")
    keys = (row.get("key") for row in rows if isinstance(row, Mapping)) if isinstance(rows, list) else ()
    return frozenset(key for key in keys if isinstance(key, str))


def find_faults(county: County, readers: Iterable[Callable[[County], object]]) -> Findings:
    """Everything for which any of the readers refuses the files, each once; and the programmes, where they can be read."""
    found: dict[Fault, None] = {}
    for read in (read_policy, *readers):
        found.update(dict.fromkeys(attempt(read, county, FOLDER)))
    if found:
        return Findings(tuple(found))
    return Findings((), summary(read_policy(county)))


def uploaded(files: Mapping[str, str]) -> County:
    """A county from files sent by a caller (relative name → text). Raises payments.policy_files."""
    try:
        return County.of_files({name: text.encode() for name, text in files.items()}, Path())
    except CountyError as error:
        raise TuoqiError("payments.policy_files", problem=str(error.faults[0])) from error


def policy_of(files: Mapping[str, str], current: Policy) -> Policy:
    """The policy in files sent by a caller; the running one where there are none. Raises payments.policy_files."""
    if not files:
        return current
    try:
        return read_policy(uploaded(files))
    except CountyError as error:
        more = f"（另有 {len(error.faults) - 1} 处）" if len(error.faults) > 1 else ""
        raise TuoqiError("payments.policy_files", problem=f"{error.faults[0]}{more}") from error
