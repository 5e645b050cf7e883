"""The service as one file, `service.pyz`: the modules that it needs, and the server library.

A zip application (PEP 441) that any Python from 3.11 with numpy and a TFLite runtime starts; the board needs no pip.
"""

from __future__ import annotations

import ast
import io
import zipfile
from importlib import util
from pathlib import Path

from edgekit.core.errors import MissingError

NAME = "service.pyz"
_ENTRY = "edgekit.service.__main__"
_LIBRARY = "waitress"  # pure Python, needs nothing else
_ROOT = Path(__file__).resolve().parents[2]
_START = b"import sys\nfrom edgekit.service.__main__ import main\n\nsys.exit(main())\n"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the zip format's first: same content, same bytes


def pack_service() -> bytes:
    """The file. Raises MissingError where the server library is not installed."""
    files = {f"{path.relative_to(_ROOT)}": path for path in modules(_ENTRY)}
    library = _library_folder()
    files |= {f"{_LIBRARY}/{path.relative_to(library)}": path for path in library.rglob("*.py")}
    out = io.BytesIO()
    out.write(b"#!/usr/bin/env python3\n")
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(_entry("__main__.py"), _START)
        for name, path in sorted(files.items()):
            archive.writestr(_entry(name), path.read_bytes())
    return out.getvalue()


def modules(entry: str) -> list[Path]:
    """The files of `entry`, of all edgekit modules that it imports, and of the packages that they are in."""
    found: dict[str, Path] = {}
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        path = _file(name)
        if path is None or name in found:
            continue
        found[name] = path
        waiting += [name.rpartition(".")[0], *_imports(path)]
    return sorted(found.values())


def _imports(path: Path) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return [name for name in names if name.split(".")[0] == "edgekit"]


def _file(name: str) -> Path | None:
    if not name:
        return None
    folder = _ROOT.joinpath(*name.split("."))
    return next((p for p in (folder / "__init__.py", folder.with_suffix(".py")) if p.is_file()), None)


def _library_folder() -> Path:
    spec = util.find_spec(_LIBRARY)
    if spec is None or spec.origin is None:
        raise MissingError(f"packing the service needs {_LIBRARY}", "pip install 'edgekit[service]'")
    return Path(spec.origin).parent


def _entry(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.external_attr = 0o644 << 16
    return info
