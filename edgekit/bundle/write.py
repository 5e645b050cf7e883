"""Write a bundle: whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgekit.bundle.golden import Golden
from edgekit.bundle.manifest import (
    GOLDEN,
    MANIFEST,
    MODEL,
    REPORT,
    SCHEMA,
    FileEntry,
    GoldenSpec,
    Manifest,
    PortQuantization,
    PortSpec,
    Provenance,
    TargetRef,
)
from edgekit.core.errors import UsageError
from edgekit.core.files import new_folder, sha256_bytes
from edgekit.core.records import JsonObject
from edgekit.runtime.litert import LiteRT, TensorInfo
from edgekit.verify.verification import Verification


@dataclass(frozen=True, slots=True, eq=False)
class BundleContent:
    """Everything that goes into a bundle.

    Attributes:
        model: the artifact, a .tflite file.
        report_html: the report; empty for none.
        golden: samples and what the manifest says of them; None for none.
        preprocessing: input name -> what the dataset declared, for inputs that have any.
        labels: output name -> names of its classes.
        files: what the target wants beside the model, path -> content (`edgekit.bundle.packers`).
        others: as in `Manifest`.
    """

    name: str
    target: TargetRef
    model: bytes
    recipe: JsonObject
    budget: Mapping[str, float]
    provenance: Provenance
    golden: tuple[Golden, GoldenSpec] | None
    verification: Verification | None
    preprocessing: Mapping[str, JsonObject]
    labels: Mapping[str, tuple[str, ...]]
    details: JsonObject
    report_html: bytes
    files: Mapping[str, bytes] = field(default_factory=dict)


def write_bundle(folder: Path, content: BundleContent) -> Manifest:
    """Write `content` to `folder`; a reader sees what was there before or the new bundle, never a part.

    Raises StorageError when it cannot be written, UsageError when something else than a bundle is there, ModelError
    when the model cannot be read.
    """
    require_replaceable(folder)  # before the work, so that a wrong name is told at once
    manifest, files = assemble(content)
    write_files(folder, {MANIFEST: manifest.to_bytes(), **files})
    return manifest


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Make `folder` consist of `files`, path -> content, in one step. Errors as `write_bundle`."""
    require_replaceable(folder)
    with new_folder(folder) as staging:
        for path, data in files.items():
            (staging / path).parent.mkdir(parents=True, exist_ok=True)
            (staging / path).write_bytes(data)


def require_replaceable(folder: Path) -> None:
    """Raise UsageError when `folder` holds something that is no bundle, and that a new one would wipe out."""
    if not folder.exists() or (folder / MANIFEST).is_file():
        return
    if not folder.is_dir() or any(folder.iterdir()):
        raise UsageError(f"{folder} exists and is no bundle", "name another folder, or remove it yourself")


def assemble(content: BundleContent) -> tuple[Manifest, dict[str, bytes]]:
    """The manifest and the other files, path -> bytes: a function of `content` alone."""
    files = {**content.files, MODEL: content.model}
    if content.golden:
        files[GOLDEN] = content.golden[0].to_bytes()
    if content.report_html:
        files[REPORT] = content.report_html
    runner = LiteRT(content.model)
    manifest = Manifest(
        schema=SCHEMA,
        name=content.name,
        target=content.target,
        recipe=content.recipe,
        budget=content.budget,
        inputs=tuple(port_spec(info, content.preprocessing.get(info.name), ()) for info in runner.inputs),
        outputs=tuple(port_spec(info, None, content.labels.get(info.name, ())) for info in runner.outputs),
        golden=content.golden[1] if content.golden else None,
        provenance=content.provenance,
        verification=content.verification,
        details=content.details,
        files=tuple(FileEntry(path, sha256_bytes(data), len(data)) for path, data in sorted(files.items())),
        digest="",
        measurements=(),
    )
    return manifest.sealed(), files


def port_spec(info: TensorInfo, preprocessing: JsonObject | None, labels: tuple[str, ...]) -> PortSpec:
    """A port of the model in the manifest's words."""
    quantization = None
    if info.is_quantized:
        quantization = PortQuantization(float(info.scale[0]), int(info.zero_point[0]))
    return PortSpec(info.name, info.dtype.name, info.shape, quantization, preprocessing, labels)
