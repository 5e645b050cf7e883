"""PyTorch programs of torch.export (.pt2), by way of ONNX: of the two ways the better graph, and the wider one.

Nothing of the file reaches torch before `pt2.write_clean` has made a copy without code.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from edgekit.core.errors import MissingError, ModelError
from edgekit.core.extras import EXTRAS, installed
from edgekit.core.process import run_json
from edgekit.core.progress import Progress
from edgekit.importers.base import Imported, ImportOptions
from edgekit.importers.conversion import Converter, child_call, write_samples
from edgekit.importers.environments import ensure
from edgekit.importers.onnx import string_map, through_backend
from edgekit.importers.pt2 import HINT, is_exported_program, write_clean
from edgekit.importers.sniff import head, zip_names

_SUFFIXES = (".pt2", ".pt", ".pth")
_EXPORT = Converter("pytorch", "PyTorch", "torch_child.py", title="PyTorch")


class PytorchImporter:
    """torch.onnx in a child process, then onnx2tf."""

    def sniff(self, path: Path) -> bool:
        """A PT2 archive; also PyTorch's other files, which `load` refuses with the reason."""
        return is_exported_program(zip_names(path)) or (path.suffix.lower() in _SUFFIXES and _is_pickle(path))

    def load(self, path: Path, options: ImportOptions, progress: Progress) -> Imported:
        """The program at `path`, channels last, batch 1. Raises ModelError, MissingError."""
        refuse_other_files(path)
        with tempfile.TemporaryDirectory(prefix="edgekit-import-") as name:
            folder = Path(name)
            write_clean(path, folder / "clean.pt2")
            require_torch()
            python = ensure("onnx2tf", progress)
            converter = Converter("pytorch", "PyTorch", "onnx2tf_child.py", python, "onnx2tf")
            progress.start(f"import {path.name}", None)
            try:
                request = exported(path, options, folder)
                return through_backend(converter, path, options, request, folder)
            finally:
                progress.finish()


def exported(path: Path, options: ImportOptions, folder: Path) -> dict[str, object]:
    """Let torch export `folder`'s clean.pt2; the request for the ONNX backend that goes on from there."""
    shapes = {key: list(shape) for key, shape in options.input_shapes.items()}
    request: dict[str, object] = {"what": str(path), "input_shapes": shapes, "samples": write_samples(options, folder)}
    answer = run_json(child_call(_EXPORT, options, folder), request, folder)
    given = {key: answer[key] for key in ("feeds", "references")}
    return {**request, **given, "path": str(folder / "model.onnx"), "versions": string_map(answer, "versions")}


def refuse_other_files(path: Path) -> None:
    """Raises ModelError for what is no archive at all."""
    if path.is_dir() or not head(path):
        raise ModelError(f"{path} is {'a folder, not an exported program' if path.is_dir() else 'empty'}")
    if _is_pickle(path):
        raise ModelError(f"{path} is refused: it is a Python pickle, and loading one runs code", HINT)


def require_torch() -> None:
    """Raises MissingError where the torch extra is not installed."""
    for module in (*EXTRAS["torch"], "onnx"):
        if not installed(module):
            raise MissingError(
                f"importing PyTorch programs needs the Python package {module}", "pip install 'edgekit[torch,onnx]'"
            )


def _is_pickle(path: Path) -> bool:
    first = head(path)
    return first[:1] == b"\x80" and first[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")
