"""The law of the house: imports run left to right, and rooms in one pair of braces do not know each other."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "edgekit"

LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"cli"}),
    frozenset({"pipeline"}),
    frozenset({"apart", "compressing", "fitting", "measuring", "packing"}),
    frozenset({"job"}),
    frozenset({"goal"}),
    frozenset({"recipe"}),
    frozenset({"report"}),
    frozenset({"deploy", "lab", "measure"}),
    frozenset({"service"}),
    frozenset({"bundle"}),
    frozenset({"verify"}),
    frozenset({"importers", "compress", "codegen"}),
    frozenset({"runtime", "transports", "targets", "data"}),
    frozenset({"graph"}),
    frozenset({"core"}),
)
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
HEAVY = {"numpy", "tensorflow", "keras", "torch", "onnx", "ai_edge_litert", "litert_quantizer", "flatbuffers", "scipy"}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "cli" if room == "__main__" else room


def imported(tree: ast.AST) -> list[str]:
    """Dotted names that a module imports, anywhere in it."""
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def imported_at_module_level(tree: ast.Module) -> list[str]:
    body = [n for n in tree.body if not (isinstance(n, ast.If) and "TYPE_CHECKING" in ast.unparse(n.test))]
    return [name for node in body if isinstance(node, ast.Import | ast.ImportFrom) for name in imported(node)]


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_run_downwards(path: Path) -> None:
    here = room_of(path)
    for name in imported(ast.parse(path.read_text())):
        parts = name.split(".")
        if parts[0] != "edgekit" or len(parts) < 2 or parts[1] == "__version__":
            continue
        there = parts[1]
        if there == here:
            continue
        assert there in LEVEL and here in LEVEL, f"{here} or {there} is in no layer"
        assert LEVEL[there] > LEVEL[here], f"{path.name}: {here} must not import {there}"


def test_every_room_says_what_it_is() -> None:
    for init in PACKAGE.glob("*/__init__.py"):
        tree = ast.parse(init.read_text())
        text = ast.get_docstring(tree) or ""
        assert "In:" in text and "Out:" in text, f"{init.parent.name}: the docstring says what comes in and goes out"
        assert len(tree.body) == 1, f"{init.parent.name}: a room's __init__ is its docstring alone"


def test_no_heavy_import_on_the_way_to_help() -> None:
    for path in [PACKAGE / "cli" / "main.py", *PACKAGE.glob("*/__init__.py"), *PACKAGE.glob("core/*.py")]:
        heavy = {name.split(".")[0] for name in imported_at_module_level(ast.parse(path.read_text()))} & HEAVY
        assert not heavy, f"{path}: imports {heavy} at module level"


def test_each_file_is_in_a_known_room() -> None:
    rooms = {room_of(path) for path in modules()} - {"__init__"}
    assert rooms <= set(LEVEL)
