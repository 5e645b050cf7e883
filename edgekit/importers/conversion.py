"""A model file through a converter in a child process: what its importers have in common.

The child (`children/<name>_child.py`) converts, runs source and result on the same samples, and leaves `model.tflite`;
here its answer becomes a graph and a report.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit import __version__
from edgekit.core.errors import ModelError
from edgekit.core.files import read_bytes
from edgekit.core.process import JsonCall, run_json
from edgekit.core.progress import Progress
from edgekit.importers.base import Imported, ImportOptions, ImportReport, accept, source_sha256

if TYPE_CHECKING:
    from edgekit.graph.model import Model

CHILDREN = Path(__file__).with_name("children")
QUIET = (("TF_CPP_MIN_LOG_LEVEL", "3"), ("CUDA_VISIBLE_DEVICES", "-1"), ("KERAS_BACKEND", "tensorflow"))


@dataclass(frozen=True, slots=True)
class Converter:
    """A converter that runs in a child.

    Attributes:
        name: of the importer.
        framework: the source's, as the report and messages call it.
        script: file in `children/`.
        python: interpreter of a backend's environment, None for ours.
        title: the converter in messages, where "the <framework> converter" is not what it is.
    """

    name: str
    framework: str
    script: str
    python: Path | None = None
    title: str = ""

    @property
    def what(self) -> str:
        """The converter in messages."""
        return self.title or f"the {self.framework} converter"


def convert(converter: Converter, path: Path, options: ImportOptions, progress: Progress) -> Imported:
    """The model at `path`. The child's answer has the keys versions, notes and check (see `selfcheck.Agreement`).

    Raises ModelError, also for a crash, a passed limit and a result that is not the source's function; MissingError.
    """
    progress.start(f"import {path.name}", None)
    try:
        with tempfile.TemporaryDirectory(prefix="edgekit-import-") as name:
            folder = Path(name)
            result = run_json(child_call(converter, options, folder), _request(path, options, folder), folder)
            data = read_bytes(folder / "model.tflite")
    finally:
        progress.finish()
    model, notes = accept(data, path)
    name_ports(model)
    return Imported(model, report(converter, path, result, notes))


def report(converter: Converter, path: Path, result: Mapping[str, Any], notes: tuple[str, ...] = ()) -> ImportReport:
    """The report of an import from the child's answer."""
    try:
        check = result["check"]
        return ImportReport(
            importer=converter.name,
            source_sha256=source_sha256(path),
            source_framework=converter.framework,
            versions={"edgekit": __version__, **result["versions"]},
            max_abs_difference=check["max_abs"],
            max_rel_difference=check["max_rel"],
            sample_count=check["sample_count"],
            notes=(*result.get("notes", ()), *notes),
        )
    except (KeyError, TypeError) as error:
        raise ModelError(f"{converter.what} gave an answer without {error}") from error


def name_ports(model: Model) -> None:
    """Call input and output tensors as the signature does, where that name is free."""
    taken = {tensor.name for graph in model.graphs for tensor in graph.tensors}
    for signature in model.signatures:
        for name, tensor in (*signature.inputs.items(), *signature.outputs.items()):
            if name not in taken:
                taken.add(name)
                tensor.name = name


def child_call(converter: Converter, options: ImportOptions, folder: Path) -> JsonCall:
    """The call of a converter's child, which works in `folder`."""
    return JsonCall(
        what=converter.what,
        script=CHILDREN / converter.script,
        python=converter.python,
        timeout_s=options.timeout_s,
        memory_bytes=options.memory_bytes,
        env=(*QUIET, ("KERAS_HOME", str(folder)), ("TMPDIR", str(folder))),
    )


def _request(path: Path, options: ImportOptions, folder: Path) -> dict[str, object]:
    return {
        "path": str(path.resolve()),
        "input_shapes": {name: list(shape) for name, shape in options.input_shapes.items()},
        "allow_unsafe": options.allow_unsafe,
        "samples": write_samples(options, folder),
    }


def write_samples(options: ImportOptions, folder: Path) -> list[str]:
    """Files in `folder` with one sample each (.npz, input name -> array), for a child."""
    import numpy as np

    names = [f"sample{number}.npz" for number in range(len(options.samples[:8]))]
    for name, sample in zip(names, options.samples, strict=False):
        with (folder / name).open("wb") as file:
            np.savez(file, **{key: np.asarray(value) for key, value in sample.items()})  # type: ignore[arg-type]
    return names
