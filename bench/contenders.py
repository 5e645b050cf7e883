"""Who takes part in the compression benchmark: edgekit's recipes and the existing tools, each making one file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.cases import Case
from bench.environment import python_of
from edgekit.compressing import compress_stage
from edgekit.core.cache import Cache, default_cache_folder
from edgekit.core.errors import UnsupportedError
from edgekit.core.files import sha256_bytes, sha256_file
from edgekit.core.process import run
from edgekit.core.progress import Silent
from edgekit.data.dataset import open_dataset
from edgekit.data.feed import bind
from edgekit.graph.codec import write
from edgekit.importers.base import ImportOptions
from edgekit.importers.registry import import_model
from edgekit.job import BuildRequest, Job, Once, Workshop, model_inputs
from edgekit.pipeline import import_stage, recipe_for
from edgekit.recipe import PRESETS
from edgekit.targets.load import load_target
from edgekit.transports.uri import LOCAL

HERE = Path(__file__).parent
RECIPES = HERE / "recipes"
CHOSEN = "chosen-by-itself"
LONGEST_S = 3 * 3600.0


@dataclass(frozen=True, slots=True)
class Material:
    """What makers are given: the model, its float graph, and samples that no evaluation sees.

    `folder` holds float.tflite, samples.npz (`x`, for calibration), training.npz (`x`, and `y` where labels are
    known), and the datasets calibration/ and unlabelled/.
    """

    case: Case
    folder: Path

    @property
    def float_tflite(self) -> Path:
        """The float graph, with the signature and the codes that the quantizer library needs."""
        return self.folder / "float.tflite"


@dataclass(frozen=True, slots=True)
class Made:
    """A file, and what is to be said of it; `sources` is the hash of the code that made it, where that changes."""

    data: bytes
    note: str = ""
    sources: str = ""


@dataclass(frozen=True, slots=True)
class Contender:
    """`make` raises EdgekitError where the tool cannot; `suits` says for which cases it is meant; `depends` is all
    that its result depends on beside the model and the samples."""

    tool: str
    recipe: str
    make: Callable[[Material], Made]
    suits: Callable[[Case], bool]
    depends: str

    @property
    def name(self) -> str:
        """As `--recipes` takes it."""
        return f"{self.tool}:{self.recipe}"


def child(python: str | Path, argv: list[str | Path], out: Path) -> Made:
    """The file that a child wrote to `out`, and its last line of output as a note where it begins with "note: "."""
    done = run([python, *argv], timeout_s=LONGEST_S, cwd=HERE.parent)
    done.require(" ".join(str(word) for word in argv[:2] if word != "-m"))
    last = done.stdout.strip().splitlines()[-1:] or [""]
    return Made(out.read_bytes(), last[0].removeprefix("note: ") if last[0].startswith("note: ") else "")


def by_edgekit(recipe: str, many: bool = False, suits: Callable[[Case], bool] = lambda case: True) -> Contender:
    """A recipe of edgekit for this machine; `many`: with all unlabelled samples instead of a few hundred.

    The recipe `CHOSEN` is none: edgekit begins with the target's own, times each step and leaves out what does not pay.
    """

    def make(material: Material) -> Made:
        samples = material.folder / ("unlabelled" if many else "calibration")
        request = BuildRequest(
            model=material.case.path, targets=(load_target("local"),), output=material.folder / "out",
            recipe=None if recipe == CHOSEN else _recipe_path(recipe), calibration=samples,
        )  # fmt: skip
        workshop = Workshop(Cache(default_cache_folder() / "bench" / edgekit_sources()), Silent())
        dataset, target = open_dataset(samples), request.targets[0]
        source = import_stage(request, dataset, workshop)
        bindings = {"calibration": bind(dataset, model_inputs(source.artifact.model))}
        devices = (LOCAL,) if recipe == CHOSEN else ()
        job = Job(request, workshop, source, bindings, Once({}), target, recipe_for(target, request), devices)
        found = compress_stage(job)
        notes = [f"{dataset.count} samples without labels"] if many else []
        notes += [f"{row.name} was left out: {row.not_worth}" for row in found.steps if row.dropped]
        return Made(found.result.data, "; ".join(notes), edgekit_sources())

    return Contender("edgekit", recipe, make, suits, f"{recipe} {many} {_content(recipe)}")


def edgekit_sources() -> str:
    """The hash of edgekit's own code: a version number says too little while it is being changed."""
    package = HERE.parent / "edgekit"
    files = sorted(path for path in package.rglob("*") if path.suffix in {".py", ".toml"})
    return sha256_bytes("".join(sha256_file(path) for path in files).encode())[:12]


def _recipe_path(recipe: str) -> str:
    own = RECIPES / f"{recipe}.toml"
    return str(own) if own.exists() else recipe


def _content(recipe: str) -> str:
    found = [path for path in (RECIPES / f"{recipe}.toml", PRESETS / f"{recipe}.toml") if path.exists()]
    return found[0].read_text() if found else ""


def converter(scheme: str) -> Contender:
    """The TensorFlow Lite converter, which takes Keras models only."""

    def make(material: Material) -> Made:
        out = material.folder / "out.tflite"
        argv: list[str | Path] = ["-m", "bench.tflite_converter", material.case.path, material.folder / "samples.npz"]
        return child(sys.executable, [*argv, out, scheme], out)

    return Contender("tflite-converter", scheme, make, _is_keras, _source("tflite_converter.py") + scheme)


def library(recipe: str, *options: str) -> Contender:
    """The quantizer library alone."""

    def make(material: Material) -> Made:
        out = material.folder / "out.tflite"
        argv: list[str | Path] = ["-m", "bench.quantizer_library", material.float_tflite]
        made = child(sys.executable, [*argv, material.folder / "samples.npz", out, *options], out)
        if made.data == material.float_tflite.read_bytes():
            raise UnsupportedError("the library gave the float file back, unchanged")
        return made

    depends = _source("quantizer_library.py") + str(options)
    return Contender("litert-quantizer", recipe, make, lambda case: True, depends)


def sparse_by_tfmot(recipe: str, sparsity: float, minutes: float) -> Contender:
    """tfmot's magnitude pruning, in its own environment: zeros in a dense file."""

    def make(material: Material) -> Made:
        out, script = material.folder / "out.tflite", HERE / "prune_by_tfmot.py"
        argv: list[str | Path] = ["-I", script, material.case.path, material.folder / "training.npz", out]
        return child(python_of("tfmot"), [*argv, str(sparsity), str(minutes)], out)

    return Contender("tfmot", recipe, make, _is_keras, _source("prune_by_tfmot.py") + f"{sparsity} {minutes}")


def slim_by_torch_pruning(recipe: str, *options: str) -> Contender:
    """Torch-Pruning on the PyTorch model that is here, exported to ONNX and imported by edgekit.

    The import compares the file with ONNX Runtime, so its accuracy there is the same.
    """

    def make(material: Material) -> Made:
        out, script = material.folder / "out.onnx", HERE / "prune_by_torch_pruning.py"
        argv: list[str | Path] = ["-I", script, material.case.path, material.folder / "training.npz", out]
        made = child(python_of("torch_pruning"), [*argv, *options], out)
        return Made(write(import_model(out, ImportOptions(), Silent()).model), made.note)

    depends = _source("prune_by_torch_pruning.py") + str(options)
    return Contender("torch-pruning", recipe, make, lambda case: case.name == "cifar_resnet_onnx", depends)


def _is_keras(case: Case) -> bool:
    return case.path.suffix in {".keras", ".h5"}


def _is_small_image(case: Case) -> bool:
    return case.name.startswith("cifar") or case.name == "resnet8"


def _is_other(case: Case) -> bool:
    return not _is_small_image(case)


def _is_text(case: Case) -> bool:
    return case.name.startswith("sst2")


def _source(script: str) -> str:
    return sha256_file(HERE / script)


CONTENDERS = (
    *(by_edgekit(name) for name in ("float16", "dynamic", "int8", "int16x8", "int4")),
    *(by_edgekit(name) for name in (CHOSEN, "dead-channels", "sparse-50-download", "sparse-80-latency")),
    *(by_edgekit(name, many=True) for name in ("macs-75", "macs-50", "slim-int8")),
    *(
        by_edgekit(f"macs-50-distilled{suffix}", True, suits)
        for kind, suits in (("", _is_other), ("-images", _is_small_image))
        for suffix in (kind, f"{kind}-int8")
    ),
    by_edgekit("tiny", many=True),
    *(by_edgekit(name, many=True, suits=_is_text) for name in ("slim-text", "text-10")),
    *(converter(scheme) for scheme in ("float16", "dynamic", "int8", "16x8")),
    library("wi8-ai8"),
    library("wi8-ai8-full-range", "--full-range"),
    library("wi8-ai16", "--activations", "16"),
    library("wi8-dynamic", "--activations", "32"),
    *(
        library(f"wi8-ai8-{name}", "--algorithm", key)
        for name, key in (("octav", "OCTAV"), ("mse", "MSE"), ("gptq", "GPTQ"))
    ),
    *(
        library(f"wi4-ai8-{name}", "--bits", "4", "--algorithm", key)
        for name, key in (
            ("min-max", "MIN_MAX_UNIFORM_QUANT"), ("octav", "OCTAV"), ("mse", "MSE"), ("gptq", "GPTQ"),
            ("hadamard", "DECOMPOSED_HADAMARD_ROTATION"), ("oscar", "OSCAR"),
        )
    ),
    library("wi4-dynamic-octav", "--bits", "4", "--activations", "32", "--algorithm", "OCTAV"),
    sparse_by_tfmot("sparse-50", 0.5, 0.0),
    sparse_by_tfmot("sparse-50-trained", 0.5, 3.0),
    *(
        slim_by_torch_pruning(f"{importance}-macs-{percent}", importance, str(percent / 100), "none", "0")
        for percent in (75, 50)
        for importance in ("magnitude", "taylor")
    ),
    *(
        slim_by_torch_pruning(f"taylor-macs-{percent}-{goal}", "taylor", str(percent / 100), goal, "5")
        for percent in (75, 50)
        for goal in ("distil", "labels")
    ),
)  # fmt: skip
