"""`make compose-test`: the compose file on a real engine, from nothing to a closed month and back to nothing.

Uses the machine's engine and its registry where there is one. Else it starts an engine by hand and makes stand-ins of the
base images, so that what is tried is still the product's own Dockerfile, compose file and scripts.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import month as story
from engine import an_engine, run
from stack import IMAGE, ROOT, SERVERS, SERVICES, Stack, prepare
from standins import PYTHON, build_all

MEMORY_MAX_MIB = 4096
SETTLED_S_MAX = 90


class Findings:
    """Prints each thing tried, its time and whether it held."""

    def __init__(self) -> None:
        self.failed = 0

    def tell(self, what: str, *, ok: bool = True, told: str = "", seconds: float | None = None) -> None:
        """One line."""
        self.failed += not ok
        took = "" if seconds is None else f" ({seconds:.1f} s)"
        print(f"{'ok  ' if ok else 'FAIL'} {what}{': ' + told if told else ''}{took}", flush=True)  # noqa: T201

    def step(self, what: str, act: Callable[[], str]) -> None:
        """Something done; what it raises ends the test."""
        began = time.monotonic()
        told = act()
        self.tell(what, told=told, seconds=time.monotonic() - began)


def main() -> None:
    """All of it; exit 0 only if everything held."""
    cache = Path(os.environ.get("TUOQI_CACHE") or Path.home() / ".cache" / "tuoqi")
    work = Path(os.environ.get("TUOQI_COMPOSE_TEST") or cache / "compose-test")
    work.mkdir(parents=True, exist_ok=True)
    findings = Findings()
    with an_engine(work) as engine:
        findings.tell("engine", told="started here, with stand-in images" if engine.own else "the machine's own")
        stack = prepare(work / "stack", engine)
        if engine.own:
            stack.environment["PYTHON_VERSION"] = PYTHON
            findings.step("stand-ins for the base images", lambda: build_all(work, engine.environment) or "")
        stack.environment.update(TUOQI_UID=str(os.getuid()), TUOQI_GID=str(os.getgid()))
        try:
            _try(stack, findings)
        except SystemExit:
            logs = stack.compose("logs", "--no-color", "--tail", "60", *SERVICES, "kafka", "postgres", check=False)
            print(logs, file=sys.stderr)  # noqa: T201 -- the last word of what failed
            raise
        finally:
            findings.step("down, volumes and networks with it", lambda: _down(stack))
    sys.exit(1 if findings.failed else 0)


def _try(stack: Stack, findings: Findings) -> None:
    findings.step("make secrets", lambda: _secrets(stack, findings))
    findings.step("make wheels", lambda: _wheels(stack))
    findings.step("docker compose build", lambda: stack.compose("build") and "")
    findings.step("docker compose up --wait", lambda: stack.compose("up", "--detach", "--wait"))
    _walls(stack, findings)
    month = story.Month(stack)
    for what, act in story.steps(month, lambda service: lambda: _kill(stack, service)):
        findings.step(what, act)
    findings.step("everything is up and caught up", lambda: _settled(stack))
    for what, held in month.proofs():
        findings.tell(what, ok=held)
    findings.step("docker compose up again changes nothing", lambda: stack.compose("up", "--detach", "--wait"))
    findings.step("tuoqi status from the host, by the published ports", lambda: _from_host(stack))
    _memory(stack, findings)


def _secrets(stack: Stack, findings: Findings) -> str:
    """Made once, refused the second time."""
    script, token = stack.folder / "deploy" / "secrets.sh", stack.folder / "deploy" / "secrets" / "platform.token"
    run("sh", str(script))
    before = token.read_bytes()
    again = run("sh", str(script), check=False)
    findings.tell("secrets are never overwritten", ok=again.returncode != 0 and token.read_bytes() == before)
    return ""


def _wheels(stack: Stack) -> str:
    version = stack.environment.get("PYTHON_VERSION", "3.13")
    return run(
        "make", "-s", "wheels", f"PYTHON_VERSION={version}", f"WHEELS={stack.folder / 'wheels'}", cwd=ROOT
    ).stdout.strip()


def _walls(stack: Stack, findings: Findings) -> None:
    """What the engine itself says of each container."""
    for service in SERVERS:
        found = stack.inspect(service)
        host, user = found["HostConfig"], found["Config"]["User"]
        hosts = {one["HostIp"] for ports in (found["NetworkSettings"]["Ports"] or {}).values() for one in ports or ()}
        wanted = {"127.0.0.1"} if service in SERVICES else set()
        held = {
            "read-only": host["ReadonlyRootfs"],
            "no capability": host["CapDrop"] == ["ALL"] and not host["CapAdd"],
            "not root": user.partition(":")[0] not in ("", "0", "root"),
            "no new privileges": "no-new-privileges:true" in host["SecurityOpt"],
            "memory limited": host["Memory"] > 0,
            "logs rotated": "max-size" in host["LogConfig"]["Config"],
            "published on the loopback only" if wanted else "nothing published": hosts == wanted,
        }
        findings.tell(f"{service} is closed", ok=all(held.values()), told=", ".join(k for k, v in held.items() if v))
    away = stack.docker(
        "run", "--rm", "--network", f"{stack.environment['TUOQI_PROJECT']}_inside", IMAGE, "python", "-c", LOGIN
    )
    findings.tell("Kafka lets nobody in without a password", ok=away.strip() == "refused", told=away.strip())


LOGIN = """\
import socket
from kafka import KafkaAdminClient
from kafka.errors import KafkaError
socket.create_connection(("kafka", 9092)).close()
try:
    KafkaAdminClient(bootstrap_servers="kafka:9092", bootstrap_timeout_ms=5000).list_topics()
    print("let in")
except KafkaError:
    print("refused")
"""


def _kill(stack: Stack, service: str) -> str:
    before = stack.inspect(service)["RestartCount"]
    stack.kill(service)
    stack.wait_restarted(service, before)
    return _settled(stack)


def _settled(stack: Stack) -> str:
    """`tuoqi status` says that all are up and caught up, at the latest after a while."""
    deadline = time.monotonic() + SETTLED_S_MAX
    while (told := stack.status()).returncode:
        if time.monotonic() > deadline:
            raise SystemExit(f"Not caught up after {SETTLED_S_MAX} s:\n{told.stdout}\n{told.stderr}")
        time.sleep(1)
    return ""


def _from_host(stack: Stack) -> str:
    """The command outside, over the loopback, with the deployment's secrets."""
    ports = {name: stack.environment[f"TUOQI_{name.upper()}_PORT"] for name in SERVICES}
    environment = {
        **os.environ,
        "TUOQI_HOME": str(stack.folder / "deploy"),
        "TUOQI_SERVICES": ",".join(f"{name}=127.0.0.1:{port}" for name, port in ports.items()),
    }
    run(str(Path(sys.executable).with_name("tuoqi")), "status", env=environment)
    return ""


def _memory(stack: Stack, findings: Findings) -> None:
    """What the containers use, by the engine's count."""
    rows = stack.docker("stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}").splitlines()
    used = {row.split()[0].rsplit("-", 2)[-2]: _mib(row.split()[1]) for row in rows}
    limits = sum(stack.inspect(service)["HostConfig"]["Memory"] for service in SERVERS) / 2**20
    told = ", ".join(f"{name} {mib:.0f}" for name, mib in sorted(used.items()))
    findings.tell(f"memory {sum(used.values()):.0f} MiB, limits {limits:.0f}", ok=limits <= MEMORY_MAX_MIB, told=told)


def _mib(text: str) -> float:
    for unit, factor in (("GiB", 1024.0), ("MiB", 1.0), ("KiB", 1 / 1024), ("B", 2.0**-20)):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    raise ValueError(text)


def _down(stack: Stack) -> str:
    stack.compose("--profile", "tools", "down", "--volumes", "--remove-orphans")
    left = stack.docker(
        "ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={stack.environment['TUOQI_PROJECT']}"
    )
    if left.strip():
        raise SystemExit(f"Containers are left: {left}")
    return ""


if __name__ == "__main__":
    main()
