"""The ports of one platform: a block of free ones chosen once and kept, so that two homes run side by side.

Nothing that is stored depends on a port, so a kept port that somebody else took is replaced, and the change is said;
only a block that a person asked for (`TUOQI_PORTS=first`) is never left.
"""

import os
import socket
import zlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack

import psutil

from tuoqi.cli.local.errors import LocalError
from tuoqi.cli.local.home import Home, read_json, write_json

FIRST, LAST = 20_000, 30_000
"""Below the range from which the kernel lends ports to outgoing connections."""
STEP = 20
UNPRIVILEGED_MIN, PORT_MAX = 1024, 65_535


def port_names(services: Iterable[str]) -> tuple[str, ...]:
    """Every port a platform with these services listens on."""
    return (
        "postgres",
        "kafka",
        "kafka_controller",
        *(name for service in services for name in (f"{service}_grpc", f"{service}_metrics")),
    )


def choose_ports(home: Home, services: Iterable[str], say: Callable[[str], None] = lambda _: None) -> dict[str, int]:
    """The port of each name, kept in run/platform.json.

    Raises:
        LocalError: if a port that `TUOQI_PORTS` asks for is taken, or no block is free.
    """
    names = port_names(services)
    kept: dict[str, int] = read_json(home.run / "platform.json").get("ports", {})
    if wanted := os.environ.get("TUOQI_PORTS"):
        ports = _wanted(wanted, names)
    elif set(names) <= set(kept):
        ports = _replaced({name: kept[name] for name in names}, say)
    else:
        ports = _block(names, home)
    write_json(home.run / "platform.json", {**read_json(home.run / "platform.json"), "ports": ports})
    return ports


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        # As servers do: a connection that lingers after its server ended does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """Some ports that are free at this moment, for a server that a test starts and throws away."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def holder(port: int) -> str:
    """Who listens on a port, as far as this user may know."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
                return f"{psutil.Process(connection.pid).name()}, process {connection.pid}"
    except (psutil.Error, TypeError, ValueError):
        pass  # not every user may see every process: a missing pid or a refusal both mean unknown
    return "another program"


def _wanted(first: str, names: tuple[str, ...]) -> dict[str, int]:
    if not first.isdecimal() or not UNPRIVILEGED_MIN <= int(first) <= PORT_MAX - len(names):
        raise LocalError(f"TUOQI_PORTS={first} is not the first of {len(names)} ports above 1023.")
    ports = {name: int(first) + place for place, name in enumerate(names)}
    for name, port in ports.items():
        if not is_free(port):
            raise LocalError(f"Port {port} for {name} is in use by {holder(port)}; free it or change TUOQI_PORTS.")
    return ports


def _replaced(kept: Mapping[str, int], say: Callable[[str], None]) -> dict[str, int]:
    ports = dict(kept)
    for name, port in kept.items():
        if not is_free(port):
            ports[name] = _single(set(ports.values()))
            say(f"port {port} of {name} is in use by {holder(port)}; {name} listens on {ports[name]} from now on")
    return ports


def _single(used: set[int]) -> int:
    for port in range(max(used) + 1, LAST + 1_000):
        if port not in used and is_free(port):
            return port
    raise LocalError("No free port was found on 127.0.0.1.")


def _block(names: tuple[str, ...], home: Home) -> dict[str, int]:
    """Consecutive ports; the folder's name decides where to look first, so two homes seldom look at the same ones."""
    blocks = (LAST - FIRST) // STEP
    width = -(-len(names) // STEP)
    start = zlib.crc32(str(home.root).encode()) % blocks
    for turn in range(blocks):
        first = FIRST + (start + turn * width) % blocks * STEP
        ports = {name: first + place for place, name in enumerate(names)}
        if all(is_free(port) for port in ports.values()):
            return ports
    raise LocalError(f"No block of {len(names)} free ports was found on 127.0.0.1.")
