"""What a visit pushes, and that every worker is a file that an old Python can read."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import edgekit.measure.visit
from edgekit.measure.visit import Visit, failure, hint
from edgekit.transports.base import RunResult
from edgekit.transports.local import LocalTransport
from edgekit.transports.uri import LOCAL

WORKERS = sorted(Path(edgekit.measure.visit.__file__).parent.glob("*worker.py"))


def test_what_the_device_has_is_not_pushed_again(tmp_path: Path) -> None:
    with LocalTransport(LOCAL, tmp_path) as transport:
        visit = Visit("local", transport, 10)
        visit.push("model.tflite", b"one")
        (tmp_path / "model.tflite").write_bytes(b"what is there stays")
        visit.push("model.tflite", b"one")
        assert (tmp_path / "model.tflite").read_bytes() == b"what is there stays"
        visit.push("model.tflite", b"two")
        assert visit.fetch("model.tflite", 3) == b"two"


@pytest.mark.parametrize("worker", WORKERS, ids=lambda path: path.name)
def test_workers_are_python_3_8_without_edgekit(worker: Path) -> None:
    tree = ast.parse(worker.read_text(), feature_version=(3, 8))
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not [name for name in imported if name.partition(".")[0] == "edgekit"]


@pytest.mark.parametrize(
    ("stderr", "words", "advice"),
    [
        (
            "ValueError: Didn't find op for builtin opcode 'CONV_2D' version '9'. An older version of this builtin "
            "might be supported. Are you using an old TFLite binary with a newer model?",
            "its runtime has no CONV_2D of version 9: the model is newer than the runtime",
            "edgekit devices setup",
        ),
        ("MemoryError: std::bad_alloc", "the device ran out of memory: MemoryError: std::bad_alloc", "smaller model"),
        ("ValueError: not a model", "the runtime cannot run the model: ValueError: not a model", ""),
    ],
)
def test_what_a_runtime_says_in_words(stderr: str, words: str, advice: str) -> None:
    said = failure(RunResult(1, "", stderr))
    assert said == words
    assert advice in hint(said)
    assert bool(advice) == bool(hint(said))
