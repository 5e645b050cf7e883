"""The steps that there are. One more is one file and one line here; the contract tests find it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgekit.core.registry import Registry

if TYPE_CHECKING:
    from edgekit.compress.step import Step

STEPS: Registry[Step[Any, Any]] = Registry(
    "step",
    {
        "prune-channels": (
            "edgekit.compress.prune.step:PRUNE_CHANNELS",
            "fewer channels in coupled layers, those that are missed least, the layers behind them refitted",
        ),
        "quantize": (
            "edgekit.compress.quantize.step:QUANTIZE",
            "fewer bits for weights and activations, with ranges from edgekit's own calibration",
        ),
        "equalize": (
            "edgekit.compress.equalize:EQUALIZE",
            "channels of like ranges between layers, by powers of two; the float function stays the same to the bit",
        ),
        "mix": (
            "edgekit.compress.mix:MIX",
            "int8 activations, and int4 or int8 weights for each layer as its measured sensitivity says",
        ),
        "low-rank": (
            "edgekit.compress.lowrank.step:LOW_RANK",
            "layers as two smaller ones, by the variance that their outputs lose",
        ),
        "reduce-embedding": (
            "edgekit.compress.embedding.step:REDUCE_EMBEDDING",
            "token tables with fewer and shorter rows, by how often and by what they are read",
        ),
        "sparsify": (
            "edgekit.compress.sparsity.step:SPARSIFY",
            "zeros among the weights, where kernels skip them or a download packs them",
        ),
        "repair": (
            "edgekit.compress.repair.step:REPAIR",
            "a quantized model's weights and biases refitted to the float model's outputs, layer by layer",
        ),
        "distill": (
            "edgekit.compress.distill.step:DISTILL",
            "training against the original model, on samples without labels",
        ),
    },
)

LEARNING = frozenset({"distill"})
"""Those that train on samples for many rounds, and so come to know them: none may be among the evaluation's."""
