"""Backend environments, made here from a requirement of nothing so that no network is needed."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import pytest

from edgekit.core.errors import MissingError, UsageError
from edgekit.core.progress import Silent
from edgekit.importers import environments
from edgekit.importers.environments import BACKENDS, Backend, ensure, folder, install, installed


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A backend called tiny; its requirements file."""
    pins = tmp_path / "tiny.txt"
    pins.write_text("# nothing\n")
    monkeypatch.setattr(environments, "BACKENDS", {"tiny": Backend("tiny", "tiny", str(pins), ("--no-index",))})
    return pins


@pytest.mark.parametrize("name", list(BACKENDS))
def test_every_pin_of_every_backend_is_exact(name: str) -> None:
    lines = [line for line in BACKENDS[name].pins.splitlines() if line and not line.startswith("#")]
    assert lines
    assert [line for line in lines if line.count("==") != 1] == []


def test_an_environment_is_made_once_and_runs(tiny: Path, own_cache: Path) -> None:
    assert not installed("tiny")
    python = ensure("tiny", Silent())
    assert installed("tiny")
    assert python.is_relative_to(own_cache / "environments")
    prefix = subprocess.run([python, "-I", "-c", "import sys; print(sys.prefix)"], capture_output=True, check=True)
    assert prefix.stdout.decode().strip() == str(folder("tiny"))
    made = python.lstat().st_mtime_ns
    assert ensure("tiny", Silent()).lstat().st_mtime_ns == made
    assert [path.name for path in (own_cache / "environments").iterdir() if path.name.endswith(".staging")] == []


def test_other_pins_are_another_environment(tiny: Path) -> None:
    before = folder("tiny")
    tiny.write_text("# other\n")
    assert folder("tiny") != before


def test_a_failed_install_leaves_nothing_and_says_what_to_do(tiny: Path, own_cache: Path) -> None:
    tiny.write_text("no-such-package-of-edgekit==1.0\n")
    with pytest.raises(MissingError, match="the tiny backend failed: ERROR: No matching dist") as caught:
        ensure("tiny", Silent())
    assert "edgekit doctor --install tiny" in caught.value.hint
    assert not installed("tiny")
    assert [path.name for path in (own_cache / "environments").iterdir() if path.is_dir()] == []


def test_two_at_once_build_one(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[Path] = []

    def build(backend: Backend, place: Path, progress: object) -> None:
        built.append(place)
        (place / "bin").mkdir(parents=True)
        (place / "bin" / "python").touch()

    monkeypatch.setattr(environments, "_build", build)
    threads = [threading.Thread(target=ensure, args=("tiny", Silent())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert built == [folder("tiny")]


def test_install_makes_it_anew(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = folder("tiny") / "bin"
    broken.mkdir(parents=True)
    (broken / "python").write_text("broken")
    monkeypatch.setattr(environments, "_pip_install", lambda backend, staging: None)
    monkeypatch.setattr(environments, "_make_venv", lambda backend, staging: (staging / "bin").mkdir(parents=True))
    install("tiny", Silent())
    assert list(folder("tiny").rglob("*")) == [broken]  # what was there is gone


def test_a_python_that_is_too_new_is_said_first(monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> None:
    monkeypatch.setattr(environments, "BACKENDS", {"old": Backend("old", "old", "onnx_tf.txt", newest_python=(3, 8))})
    with pytest.raises(MissingError, match=r"the old backend exists for Python 3\.8 at most"):
        ensure("old", Silent())
    assert not own_cache.exists()


def test_an_unknown_backend_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="there is no backend called 'x'"):
        folder("x")
