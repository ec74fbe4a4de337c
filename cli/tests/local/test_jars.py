import threading
from pathlib import Path

import pytest

from tuoqi.cli.local import jars
from tuoqi.cli.local.errors import LocalError
from tuoqi.cli.local.jars import Jar, class_path, fetch, find_java, locked_jars, missing_jars


def test_the_lock_pins_every_jar_by_checksum_and_names_no_host() -> None:
    text = (jars.RESOURCES / "jgo.lock.toml").read_text() + (jars.RESOURCES / "jgo.toml").read_text()
    assert "://" not in text
    locked = {jar.name: jar for jar in locked_jars()}
    assert locked["kafka_2.13"].version == locked["kafka-clients"].version == "4.3.1"
    assert all(len(bytes.fromhex(jar.sha256)) == 32 for jar in locked.values())


def test_a_jar_counts_only_if_it_is_the_very_file_that_was_locked(tmp_path: Path) -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    jar = Jar("org.example", "a", "1", empty)
    assert not jar.is_whole(tmp_path)
    path = tmp_path / "org" / "example" / "a" / "1" / "a-1.jar"
    path.parent.mkdir(parents=True)
    path.touch()
    assert jar.is_whole(tmp_path)
    path.write_bytes(b"cut short")
    assert not jar.is_whole(tmp_path)


def test_without_network_one_sentence_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAFKA_HOME", raising=False)
    monkeypatch.setenv("TUOQI_MAVEN", "http://127.0.0.1:9")
    with pytest.raises(LocalError, match=r"no network.*TUOQI_MAVEN.*KAFKA_HOME"):
        fetch(tmp_path)
    assert len(missing_jars(tmp_path)) == len(locked_jars())


def test_an_unpacked_kafka_is_used_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_HOME", str(tmp_path))
    with pytest.raises(LocalError, match="holds no Kafka"):
        class_path(tmp_path)
    (tmp_path / "libs").mkdir()
    (tmp_path / "libs" / "kafka_2.13-4.3.1.jar").touch()
    assert class_path(tmp_path) == f"{tmp_path}/libs/*"
    assert fetch(tmp_path) == 0


def test_a_stop_during_the_fetch_leaves_the_rest_and_the_first_failure_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    stopped = threading.Event()

    def pretend(jar: Jar, *_: object) -> None:
        asked.append(jar.name)
        if jar.name == "bad":
            raise LocalError("no network")
        if jar.name == "j3":
            stopped.set()

    monkeypatch.setattr(jars, "_fetch", pretend)
    monkeypatch.setattr(jars, "FETCHERS", 1)
    many = [Jar("g", f"j{n}", "1", "") for n in range(20)]
    jars._fetch_all(many, tmp_path, stopped.is_set)  # noqa: SLF001 -- the loop itself is what is promised
    assert asked == ["j0", "j1", "j2", "j3"]
    asked.clear()
    with pytest.raises(LocalError, match="no network"):
        jars._fetch_all([Jar("g", "bad", "1", ""), *many], tmp_path, lambda: False)  # noqa: SLF001 -- as above
    assert asked == ["bad"]


def test_a_java_that_is_too_old_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(LocalError, match="holds no Java"):
        find_java()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").touch()
    (tmp_path / "release").write_text('IMPLEMENTOR="x"\nJAVA_VERSION="11.0.2"\n')
    with pytest.raises(LocalError, match="holds Java 11; Kafka needs 17"):
        find_java()
    (tmp_path / "release").write_text('JAVA_VERSION="21.0.1"\n')
    assert find_java() == tmp_path / "bin" / "java"
