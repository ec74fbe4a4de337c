"""Users, roles and regions of the demo county, and what a county file may not say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tuoqi.contracts.common.v1 import access_pb2
from tuoqi.kit.county import County, CountyError
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Actor, Rights
from tuoqi.kit.rpc.access import contract_methods

DEMO = Path(__file__).parents[3] / "deploy" / "counties" / "990101"


@pytest.fixture(scope="module")
def rights() -> Rights:
    return Rights.from_county(County.load(DEMO))


def _slug(rights: Rights, user: str, right: str) -> str:
    with pytest.raises(TuoqiError) as refused:
        rights.require(user, right)
    return refused.value.slug


def test_a_right_comes_by_role(rights: Rights) -> None:
    actor = rights.require("clerk.li", "import", "月度导入")
    assert actor == rights.actor("clerk.li", "月度导入")
    assert (actor.user, actor.purpose, actor.roles, actor.service) == (
        "clerk.li",
        "月度导入",
        frozenset({"clerk"}),
        False,
    )
    assert _slug(rights, "clerk.li", "cycle.approve") == "auth.no_right"
    assert _slug(rights, "", "import") == "auth.no_user"
    assert _slug(rights, "nobody", "import") == "auth.unknown_user"


@pytest.mark.parametrize(
    ("right", "allowed"),
    [
        ("cycle.compute", {"clerk.li", "clerk.feng"}),
        ("cycle.review", {"reviewer.zhao", "reviewer.lin"}),
        ("cycle.approve", {"finance.qian", "finance.sun"}),
        ("account.reveal", {"finance.qian", "finance.sun"}),
        ("ops.repair", {"admin.wu", "ops.zheng"}),
    ],
)
def test_each_act_belongs_to_its_officers(rights: Rights, right: str, allowed: set[str]) -> None:
    assert {user for user in rights.users if rights.actor(user).has(right)} == allowed


def test_every_right_of_the_contracts_is_granted_to_somebody(rights: Rights) -> None:
    """And roles.yaml grants none that no contract knows, but four that are asked for by what a call wants."""
    granted = frozenset().union(*rights.grants.values())
    asked = {method.GetOptions().Extensions[access_pb2.access].right for method in contract_methods()} - {""}
    assert granted == asked | {"reveal", "aid.decide_county", "alert.restricted", "alert.inspect"}


def test_a_service_on_its_own_behalf_may_only_ask(rights: Rights) -> None:
    actor = rights.require("service:payments", "payee.resolve")
    assert actor.service
    asking = {"person.identify", "person.describe", "person.read", "payee.resolve", "region.read", "status.snapshot"}
    assert actor.rights == asking
    assert _slug(rights, "service:payments", "account.reveal") == "auth.no_right"
    assert _slug(rights, "service:", "payee.resolve") == "auth.unknown_user"
    assert _slug(rights, "service:X'; --", "payee.resolve") == "auth.unknown_user"


def test_regions_bound_by_prefix(rights: Rights) -> None:
    everywhere, township = rights.actor("clerk.li"), rights.actor("clerk.feng")
    assert everywhere.may_act_in("990101102000")
    assert everywhere.may_act_in("")
    assert township.may_act_in("990101101203")
    assert not township.may_act_in("990101102203")
    assert not township.may_act_in("")
    with pytest.raises(TuoqiError) as refused:
        township.require_region("990101102203")
    assert refused.value.slug == "auth.no_region"


def test_revealing_needs_a_purpose() -> None:
    Actor(user="a", purpose="核对").require_purpose()
    with pytest.raises(TuoqiError) as refused:
        Actor(user="a", purpose="  ").require_purpose()
    assert refused.value.slug == "auth.no_purpose"


ROLES = "roles:\n- {role: clerk, rights: [import]}\n- {role: reviewer, rights: [r]}\n- {role: finance, rights: [f]}\n"
ROLES += "- {role: service, rights: []}\nincompatible:\n- [reviewer, finance]\n"


@pytest.mark.parametrize(
    ("users", "says"),
    [
        ("- {user: a, roles: [reviewer, finance]}", "finance and reviewer"),
        ("- {user: a, roles: [king]}", "king"),
        ("- {user: a, roles: [service]}", "service"),
        ("- {user: 'service:a', roles: [clerk]}", "not a user's name"),
        ("- {user: a, roles: [clerk]}\n- {user: a, roles: [clerk]}", "twice"),
        ("- {user: a, roles: [clerk], regions: [990101]}", "quoted"),
        ("- {user: a, roles: clerk}", "list"),
    ],
)
def test_a_county_that_mixes_duties_does_not_start(tmp_path: Path, users: str, says: str) -> None:
    (tmp_path / "county.yaml").write_text('code: "990101"\nname: x\n', encoding="utf-8")
    (tmp_path / "roles.yaml").write_text(ROLES, encoding="utf-8")
    (tmp_path / "users.yaml").write_text(f"users:\n{users}\n", encoding="utf-8")
    with pytest.raises(CountyError, match=says):
        Rights.from_county(County.load(tmp_path))
