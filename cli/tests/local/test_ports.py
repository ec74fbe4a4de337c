import os
import socket
from collections.abc import Iterator

import pytest

from tuoqi.cli.local.errors import LocalError
from tuoqi.cli.local.home import Home
from tuoqi.cli.local.ports import choose_ports, free_ports, is_free, port_names


@pytest.fixture(autouse=True)
def _no_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TUOQI_PORTS", raising=False)


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield int(server.getsockname()[1])


def test_ports_are_chosen_once_and_kept(home: Home) -> None:
    first = choose_ports(home, ["registry", "visits"])
    assert set(first) == set(port_names(["registry", "visits"]))
    assert len(set(first.values())) == len(first)
    assert choose_ports(home, ["registry", "visits"]) == first


def test_a_kept_port_that_somebody_took_is_replaced_and_said(home: Home) -> None:
    before = choose_ports(home, ["registry"])
    said: list[str] = []
    with socket.socket() as other:
        other.bind(("127.0.0.1", before["kafka"]))
        other.listen()
        after = choose_ports(home, ["registry"], said.append)
    assert {name for name in before if before[name] != after[name]} == {"kafka"}
    assert len(said) == 1
    assert f"port {before['kafka']} of kafka is in use by" in said[0]
    assert f"process {os.getpid()}" in said[0]


def test_a_port_that_was_asked_for_and_is_taken_stops_the_start(
    home: Home, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUOQI_PORTS", str(taken))
    with pytest.raises(LocalError, match=rf"Port {taken} for postgres is in use by .*process {os.getpid()}"):
        choose_ports(home, ["registry"])


@pytest.mark.parametrize("wish", ["http", "80", "65535", "-1"])
def test_a_senseless_wish_is_refused(home: Home, monkeypatch: pytest.MonkeyPatch, wish: str) -> None:
    monkeypatch.setenv("TUOQI_PORTS", wish)
    with pytest.raises(LocalError, match=f"TUOQI_PORTS={wish}"):
        choose_ports(home, ["registry"])


def test_free_ports_are_free_and_different() -> None:
    ports = free_ports(5)
    assert len(set(ports)) == 5
    assert all(is_free(port) for port in ports)


def test_a_listening_port_is_not_free(taken: int) -> None:
    assert not is_free(taken)
