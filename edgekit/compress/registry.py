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
        "distill": (
            "edgekit.compress.distill.step:DISTILL",
            "training against the original model, on samples without labels",
        ),
    },
)

LEARNING = frozenset({"distill"})
"""Those that train on samples for many rounds, and so come to know them: none may be among the evaluation's."""
