"""The contracts keep their own rules: linted, no orphans, an example for each event, nothing private in any event."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import protovalidate
import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from tuoqi.contracts.topics import known_types, topics
from tuoqi.kit.rpc.access import contract_methods, rule_of

ROOT = Path(__file__).resolve().parents[2]
PROTO = ROOT / "proto"
BUF = Path(sys.executable).parent / "buf"

# Wall 10: what no event may carry, by the words that such a field would be called.
PRIVATE = re.compile(r"(?<![a-z])(name|number|phone|address|account|note|text|diagnosis|answer|explanation|holder)")
PUBLIC_NAMES = {"Region.name", "Facility.name", "CycleRef.name"}


def buf(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(BUF), *arguments], cwd=PROTO, capture_output=True, text=True, check=False, timeout=60)


def test_the_contracts_are_linted_and_formatted() -> None:
    for arguments in (("lint",), ("format", "--diff", "--exit-code")):
        result = buf(*arguments)
        assert result.returncode == 0, result.stdout + result.stderr


def test_no_contract_breaks_the_last_release(tmp_path: Path) -> None:
    current = str(tmp_path / "current.binpb")
    assert buf("build", "-o", current, "--as-file-descriptor-set").returncode == 0
    rules = '{"version": "v2", "breaking": {"use": ["FILE"]}}'
    result = buf("breaking", current, "--against", "released.binpb", "--config", rules)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("full_name", sorted(known_types()))
def test_every_event_has_an_example_that_is_valid(full_name: str) -> None:
    _, domain, version, name = full_name.split(".")
    text = (PROTO / "tuoqi" / domain / version / "examples" / f"{name}.json").read_text(encoding="utf-8")
    message = json_format.ParseDict(json.loads(text), known_types()[full_name]())
    protovalidate.validate(message)


def test_no_example_is_an_orphan() -> None:
    names = {name.rpartition(".")[2] for name in known_types()}
    files = {path.stem for path in PROTO.glob("tuoqi/*/v1/examples/*.json")}
    assert files == names


def test_every_topic_is_owned_by_the_domain_it_is_named_after() -> None:
    for entry in topics().values():
        assert re.fullmatch(rf"tuoqi\.{entry.owner}\.[a-z]+(\.state)?\.v\d+", entry.name), entry.name
        assert entry.about
        assert entry.partitions > 0


def test_no_event_carries_a_private_field() -> None:
    seen: set[str] = set()
    found = [path for message in known_types().values() for path in private_fields(message.DESCRIPTOR, seen)]
    assert found == []


def private_fields(descriptor: Descriptor, seen: set[str]) -> list[str]:
    if descriptor.full_name in seen:
        return []
    seen.add(descriptor.full_name)
    found = []
    for field in descriptor.fields:
        path = f"{descriptor.name}.{field.name}"
        if PRIVATE.search(field.name.replace("_", " ")) and path not in PUBLIC_NAMES:
            found.append(path)
        if field.type == FieldDescriptor.TYPE_MESSAGE and field.message_type is not None:
            found += private_fields(field.message_type, seen)
    return found


def test_every_method_says_who_may_call_it() -> None:
    rules = [rule_of(method) for method in contract_methods()]
    assert len(rules) > 30
    assert all(rule.right or rule.internal for rule in rules)
