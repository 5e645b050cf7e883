"""The words for an analysis that its text and its page share."""

from __future__ import annotations

import math

from edgekit.compress.analysis.analysis import Analysis, Layer, LayerEffect, TensorFacts
from edgekit.compress.analysis.choice import Choice
from edgekit.core.units import format_count
from edgekit.report.words import NO_VALUE, fixed, number, percent
from edgekit.targets.case import Level

SLOW_MARK = "!"
LEAST_CUT = 5e-4
"""The least share of values whose loss is told: what rounds to nothing is none."""
HOW = (
    "Each layer was changed alone, simulated in float, and only what lies behind it was run. "
    "Signal to noise is of the model's outputs; higher is better, and 0 dB means as much error as signal."
)


def heading(choice: Choice) -> str:
    """A choice as the head of a narrow column."""
    return f"−{100 * choice.cut:.0f} %" if choice.cut else choice.value


def db_words(value: float | None) -> str:
    """Decibels, one decimal; `exact` for no error, a dash for what was not tried."""
    if value is None:
        return NO_VALUE
    if math.isinf(value):
        return "exact" if value > 0 else "−∞"
    return fixed(value, 1)


def effect_words(effect: LayerEffect | None) -> str:
    """The decibels of an effect, marked where the target has no fast kernel for it."""
    if effect is None:
        return ""
    mark = f" {SLOW_MARK}" if effect.level is Level.SLOW and effect.sqnr_db is not None else ""
    return f"{db_words(effect.sqnr_db)}{mark}"


def agreement_words(effect: LayerEffect) -> str:
    """How many samples keep their top class."""
    return NO_VALUE if effect.agreement is None else percent(effect.agreement, 1)


def divergence_words(effect: LayerEffect) -> str:
    """The Kullback-Leibler divergence in nats; below a ten-thousandth nothing is worth telling apart."""
    if effect.kl_nats is not None and 0 < effect.kl_nats < 1e-4:
        return "< 0.0001"
    return number(effect.kl_nats, 2)


def together_words(analysis: Analysis, choice: Choice) -> str:
    """The decibels of all layers changed alike; nothing where they do not add up."""
    together = analysis.together_db(choice)
    return "" if together is None else db_words(together)


def saved_macs_words(effect: LayerEffect) -> str:
    """Multiply-accumulates that are saved; nothing where none are."""
    return f"{format_count(effect.macs_saved)} MACs" if effect.macs_saved else ""


def cost_words(analysis: Analysis) -> str:
    """What the analysis cost."""
    each, total = fixed(analysis.passes_per_layer, 1), fixed(analysis.passes, 0)
    return f"{each} forward passes for each layer, {total} in all, counted by multiply-accumulates"


def samples_words(analysis: Analysis) -> str:
    """How many layers on how many samples, and for which target."""
    target = f", kernels of {analysis.target}" if analysis.target else ""
    count = len(analysis.layers)
    return f"{count} layer{'' if count == 1 else 's'} with weights, {analysis.samples:,} samples{target}"


def shown_name(layer: Layer, limit: int = 40) -> str:
    """The name of a layer: of the names that a converter joined with `;` the first, and of a long one the end."""
    name = next((part for part in layer.name.split(";") if part), layer.name)
    return name if len(name) <= limit else "…" + name[-(limit - 1) :]


def range_words(facts: TensorFacts | None) -> str:
    """From where to where the values were."""
    return NO_VALUE if facts is None else f"{number(facts.low, 3)} to {number(facts.high, 3)}"


def grid_words(facts: TensorFacts | None) -> str:
    """The ends of the grid, and what it cuts off; nothing where there is none."""
    if facts is None:
        return ""
    cut = f", cuts off {percent(facts.saturated, 1)}" if facts.saturated >= LEAST_CUT else ""
    return f"grid {number(facts.grid_low, 3)} to {number(facts.grid_high, 3)}{cut}"


def ratio_words(value: float) -> str:
    """A ratio, one digit after the point below ten."""
    return "∞" if math.isinf(value) else f"{value:.1f}" if value < 10 else f"{value:,.0f}"
