"""Results of the stages -> the report, as plain values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edgekit.bundle.manifest import Provenance
from edgekit.bundle.packed import Part
from edgekit.core.units import format_bytes
from edgekit.graph.cost import activation_peak_bytes, model_macs, op_macs, parameter_count
from edgekit.graph.model import Model, Op, Port
from edgekit.importers.base import ImportReport
from edgekit.measure.gates import Gate
from edgekit.measure.measurement import Measurement
from edgekit.report.model import (
    Accuracy,
    Fact,
    ImportCheck,
    LayerRow,
    Level,
    MemoryFacts,
    ModelFacts,
    OperatorRow,
    PartFacts,
    Report,
    Score,
    Size,
    StepRow,
    TargetFacts,
)
from edgekit.targets.rules import Finding, check_support
from edgekit.targets.target import Target
from edgekit.verify.compare import Comparison, LayerError
from edgekit.verify.intervals import Estimate
from edgekit.verify.verification import Verification

_SEVERITY = (Level.RUNS, Level.SLOW, Level.CANNOT)


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """What the stages of one build found; None or empty where a stage had nothing to look at."""

    name: str
    target: Target
    result: Model
    source_bytes: int
    result_bytes: int
    imported: ImportReport
    provenance: Provenance
    steps: tuple[StepRow, ...] = ()
    verification: Verification | None = None
    layers: Comparison | None = None
    measurements: tuple[Measurement, ...] = ()
    gates: tuple[Gate, ...] = ()
    parts: tuple[Part, ...] = ()


def assemble(parts: Parts) -> Report:
    """The report of one model built for one target."""
    peak = activation_peak_bytes(parts.result.main)
    return Report(
        title=f"{parts.name} for {parts.target.title}",
        target=target_facts(parts.target),
        model=_model_facts(parts),
        size=Size(parts.source_bytes, parts.result_bytes),
        steps=parts.steps,
        accuracy=accuracy(parts.verification) if parts.verification else None,
        layers=tuple(_layer_row(layer) for layer in parts.layers.layers) if parts.layers else (),
        operators=operator_rows(parts.result, parts.target),
        memory=MemoryFacts(peak.bytes, peak.op_name),
        parts=tuple(_part_facts(part) for part in parts.parts),
        arena=next((part.picture for part in parts.parts if part.picture), None),
        measurements=parts.measurements,
        gates=parts.gates,
        import_check=_import_check(parts),
        provenance=_provenance(parts.provenance),
    )


def target_facts(target: Target) -> TargetFacts:
    """What the report says of the device class."""
    memory = target.memory
    cores = ", ".join(f"{c.count} × {c.name}" + (f" {c.ghz:g} GHz" if c.ghz else "") for c in target.cpu.cores)
    rows = (
        ("chip", target.cpu.soc),
        ("cores", cores),
        ("extensions", ", ".join(extension.value for extension in target.cpu.isa)),
        ("memory", format_bytes(memory.ram_bytes) if memory.ram_bytes else ""),
        ("flash", format_bytes(memory.flash_bytes) if memory.flash_bytes else ""),
        ("runtime", target.runtime.value),
    )
    return TargetFacts(target.name, target.title, tuple(Fact(label, value) for label, value in rows if value))


def accuracy(found: Verification) -> Accuracy:
    """A verification in the report's words."""
    others = [Fact("signal to quantization noise", f"{found.sqnr_db:.1f} dB"), Fact("cosine", f"{found.cosine:.6f}")]
    if found.agreement is not None:
        others.insert(0, Fact("same class as the float model", f"{found.agreement.value:.2f} %"))
    others.append(Fact("kernels", f"{found.float_kernels} (float), {found.kernels} (result)"))
    return Accuracy(
        metric=found.metric.value,
        unit=found.unit,
        sample_count=found.sample_count,
        on=found.on.value,
        before=_score(found.float_value),
        after=_score(found.result_value),
        difference=_score(found.difference),
        higher_is_better=found.metric.higher_is_better,
        others=tuple(others),
        note=found.note,
    )


def operator_rows(model: Model, target: Target) -> tuple[OperatorRow, ...]:
    """The operators by kind, those with the most MACs first, and how the target runs them."""
    findings = check_support(model, target).findings
    by_kind: dict[str, list[Op]] = {}
    for op in model.ops():
        by_kind.setdefault(op.custom_name or op.kind, []).append(op)
    rows = [_operator_row(kind, ops, [f for f in findings if f.kind == kind]) for kind, ops in by_kind.items()]
    return tuple(sorted(rows, key=lambda row: (-row.macs, -row.weight_bytes, row.kind)))


def port_words(port: Port) -> str:
    """`image: int8 1×32×32×3, scale 1, zero point -128`."""
    tensor = port.tensor
    shape = "×".join(str(d) for d in tensor.shape) or "scalar"
    text = f"{port.name}: {tensor.dtype.label} {shape}"
    q = tensor.quantization
    if tensor.is_quantized and q is not None:
        text += f", scale {float(q.scale[0]):.6g}, zero point {int(q.zero_point[0])}"
    return text


def _part_facts(part: Part) -> PartFacts:
    return PartFacts(part.folder, part.title, tuple(Fact(label, value) for label, value in part.facts), part.notes)


def _model_facts(parts: Parts) -> ModelFacts:
    model = parts.result
    return ModelFacts(
        name=parts.name,
        inputs=tuple(port_words(port) for port in model.inputs()),
        outputs=tuple(port_words(port) for port in model.outputs()),
        parameters=parameter_count(model),
        macs=model_macs(model),
    )


def _operator_row(kind: str, ops: list[Op], findings: list[Finding]) -> OperatorRow:
    level = max((Level(f.level.value) for f in findings), key=_SEVERITY.index, default=Level.RUNS)
    notes = dict.fromkeys(f.message for f in findings if Level(f.level.value) is level and level is not Level.RUNS)
    return OperatorRow(kind, len(ops), sum(op_macs(op) for op in ops), _weight_bytes(ops), level, "; ".join(notes))


def _weight_bytes(ops: Iterable[Op]) -> int:
    constants = {id(t): t.nbytes for op in ops for t in op.inputs if t is not None and t.is_constant}
    return sum(constants.values())


def _layer_row(layer: LayerError) -> LayerRow:
    finite = layer.sqnr_db if layer.sqnr_db != float("inf") else None
    return LayerRow(layer.tensor_a, layer.kind, finite, layer.mse, layer.cosine, layer.max_abs)


def _score(estimate: Estimate) -> Score:
    return Score(estimate.value, estimate.low, estimate.high)


def _import_check(parts: Parts) -> ImportCheck:
    report = parts.imported
    return ImportCheck(
        importer=report.importer,
        source=report.source_framework,
        max_abs_difference=report.max_abs_difference,
        max_rel_difference=report.max_rel_difference,
        sample_count=report.sample_count,
        notes=report.notes,
    )


def _provenance(provenance: Provenance) -> tuple[Fact, ...]:
    facts = [Fact("source", provenance.source.name), Fact("source sha256", provenance.source.sha256)]
    for dataset in provenance.datasets:
        facts.append(Fact(dataset.role, f"{dataset.name}, {dataset.sample_count} samples, sha256 {dataset.sha256}"))
    facts += [Fact(name, version) for name, version in sorted(provenance.versions.items())]
    return tuple(facts)
