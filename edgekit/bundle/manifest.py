"""What a bundle says about itself: `manifest.json`, strict in both directions."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgekit.core.errors import ModelError
from edgekit.core.files import sha256_bytes
from edgekit.core.records import JsonObject, canonical_json, from_record, to_record
from edgekit.verify.verification import Verification

SCHEMA = 1
MANIFEST = "manifest.json"
MODEL = "model.tflite"
GOLDEN = "golden.npz"
REPORT = "report.html"
SIGNATURE = "signature.json"
"""Beside the manifest, not listed in it and no part of the digest, which it signs (`edgekit.bundle.sign`)."""


@dataclass(frozen=True, slots=True)
class TargetRef:
    """Which device class the bundle is for; `kind` and `runtime` in the words of the target profile."""

    name: str
    title: str
    kind: str
    runtime: str


@dataclass(frozen=True, slots=True)
class PortQuantization:
    """`real = (stored - zero_point) * scale`; inputs and outputs have one scale for the whole tensor."""

    scale: float
    zero_point: int


@dataclass(frozen=True, slots=True)
class PortSpec:
    """An input or output as the shipped model has it.

    Attributes:
        name: the signature's name if there is one.
        dtype: numpy's name of the stored type.
        shape: batch included.
        quantization: None where values are stored as they are.
        preprocessing: what turns raw data into this input's real values, as the dataset declared it; None for outputs.
        labels: what the elements of a class output are called; empty where unknown.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    quantization: PortQuantization | None
    preprocessing: JsonObject | None
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file of the bundle; `path` is relative, with forward slashes."""

    path: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class SourceRef:
    """The file that was imported: name without folders, hash of its content."""

    name: str
    sha256: str
    framework: str


@dataclass(frozen=True, slots=True)
class DatasetRef:
    """A dataset that was used. `role` is "calibration" or "evaluation"; the hash covers content and preprocessing."""

    role: str
    name: str
    sha256: str
    sample_count: int


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the bundle comes from.

    Attributes:
        source: the model.
        datasets: what steps and verification saw.
        versions: edgekit, Python and each library that had a hand in it.
        imported: the importer's own report, or None.
    """

    source: SourceRef
    datasets: tuple[DatasetRef, ...]
    versions: Mapping[str, str]
    imported: JsonObject | None


@dataclass(frozen=True, slots=True)
class ParityBound:
    """How far an output may be from the golden one.

    Attributes:
        kernels: which kernels the device runs: reference (TFLM and generated C too), builtin, xnnpack.
        output: the output's name.
        steps: for integer outputs, in steps of the quantization (LSB); else None.
        absolute: for float outputs, in the output's unit; else None.
        observed: the difference seen on this machine when the bundle was made, in the same unit.
    """

    kernels: str
    output: str
    steps: int | None
    absolute: float | None
    observed: float


@dataclass(frozen=True, slots=True)
class GoldenSpec:
    """What is in the golden samples: how many, computed by which kernels, and how near a device must come."""

    sample_count: int
    kernels: str
    bounds: tuple[ParityBound, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """A bundle's description. All but `digest` and `measurements` is hashed into `digest`.

    Attributes:
        schema: of this file.
        name: what the model is called.
        target, recipe, budget: what it was made for, how, and within which limits (resolved).
        inputs, outputs: of the shipped model.
        golden: None when there are no golden samples.
        provenance: where it comes from.
        verification: how close to the float model; None when nothing was verified.
        details: what the report shows beyond that (sizes, layers, findings); belongs to whoever wrote it.
        files: every file but the manifest, sorted by path.
        digest: SHA-256 of the canonical JSON of the fields above, the report's entry apart: what a signature signs.
        measurements: from devices, added later.
    """

    schema: int
    name: str
    target: TargetRef
    recipe: JsonObject
    budget: Mapping[str, float]
    inputs: tuple[PortSpec, ...]
    outputs: tuple[PortSpec, ...]
    golden: GoldenSpec | None
    provenance: Provenance
    verification: Verification | None
    details: JsonObject
    files: tuple[FileEntry, ...]
    digest: str
    measurements: tuple[JsonObject, ...]

    def to_json(self) -> dict[str, Any]:
        """The JSON form."""
        return dict(to_record(self))

    @staticmethod
    def from_json(record: object, where: str = MANIFEST) -> Manifest:
        """The inverse of `to_json`. Raises ModelError on any departure from the schema, also of the digest."""
        _require_schema(record, where)
        manifest = from_record(Manifest, record, where)
        if manifest.digest != digest_of(manifest):
            raise ModelError(f"{where} was altered: its content does not have the digest that it states")
        return manifest

    def to_bytes(self) -> bytes:
        """The file."""
        return (json.dumps(self.to_json(), indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()

    @staticmethod
    def from_bytes(data: bytes, where: str = MANIFEST) -> Manifest:
        """Read the file. Raises ModelError."""
        try:
            record = json.loads(data, parse_constant=_refuse_constant, object_pairs_hook=_unique)
        except (ValueError, RecursionError) as error:
            raise ModelError(f"{where} is not JSON: {error}") from error
        return Manifest.from_json(record, where)

    def sealed(self) -> Manifest:
        """The same with the right digest."""
        return dataclasses.replace(self, digest=digest_of(self))


def digest_of(manifest: Manifest) -> str:
    """SHA-256 of everything that is neither the digest itself nor measured: the report shows measurements."""
    record = manifest.to_json()
    del record["digest"], record["measurements"]
    record["files"] = [entry for entry in record["files"] if entry["path"] != REPORT]
    return sha256_bytes(canonical_json(record))


def _require_schema(record: object, where: str) -> None:
    schema = record.get("schema") if isinstance(record, Mapping) else None
    if schema != SCHEMA or isinstance(schema, bool):
        raise ModelError(
            f"{where}: this edgekit reads bundles of schema {SCHEMA}, this one has {schema!r}",
            "build the bundle again, or use the version of edgekit that made it",
        )


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object, refusing a key that comes twice: two readers might take different ones."""
    record = dict(pairs)
    if len(record) != len(pairs):
        raise ValueError("a key appears twice")
    return record
