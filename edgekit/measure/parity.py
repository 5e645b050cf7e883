"""Whether a device's outputs are those of the golden samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.bundle.manifest import ParityBound
from edgekit.measure.measurement import Nearness, Parity

Array = NDArray[Any]


def judge_parity(
    golden: Mapping[str, Array], found: Mapping[str, Array], bounds: tuple[ParityBound, ...], kernels: str
) -> Parity:
    """Compare outputs, (samples, *shape) by name, with the golden ones.

    An output for which the bundle states no bound with these kernels must be bit-exact. Fails with the first value
    that is out of bounds; what is worst is reported for the whole.
    """
    allowed = {b.output: b for b in bounds if b.kernels == kernels}
    worst, first, limit = 0.0, "", 0.0
    integer = all(a.dtype.kind in "iub" for a in golden.values())
    for name, expected in golden.items():
        bound = _limit(allowed.get(name))
        difference = _difference(expected, found.get(name))
        if isinstance(difference, str):
            return Parity(False, Nearness.EXACT, float("inf"), bound, len(expected), f"output {name}: {difference}", "")
        worst, limit = max(worst, float(np.max(difference, initial=0.0))), max(limit, bound)
        if not first and bool(np.any(~(difference <= bound))):
            first = _first(name, expected, found[name], difference, bound)
    nearness = Nearness.EXACT if limit == 0 else Nearness.LSB if integer else Nearness.ABSOLUTE
    count = len(next(iter(golden.values()), ()))
    return Parity(not first, nearness, worst, limit, count, first, "" if integer else "largest absolute difference")


def _limit(bound: ParityBound | None) -> float:
    if bound is None:
        return 0.0
    return float(bound.steps if bound.steps is not None else bound.absolute or 0.0)


def _difference(expected: Array, found: Array | None) -> NDArray[np.float64] | str:
    """Absolute differences; a NaN on one side only is infinitely far. Words where they cannot be compared."""
    if found is None:
        return "the device gave nothing"
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return f"the device gave {found.dtype} {found.shape}, not {expected.dtype} {expected.shape}"
    if expected.dtype.kind not in "iubf":
        return np.where(found == expected, 0.0, np.inf)
    a, b = expected.astype(np.float64), found.astype(np.float64)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        return np.where(same, 0.0, np.nan_to_num(np.abs(a - b), nan=np.inf, posinf=np.inf))


def _first(name: str, expected: Array, found: Array, difference: Array, bound: float) -> str:
    place = tuple(int(i) for i in np.argwhere(~(difference <= bound))[0])
    where = f"sample {place[0]}, output {name}{list(place[1:]) if place[1:] else ''}"
    return f"{where} is {found[place]}, the golden value is {expected[place]} (may differ by {bound:.4g})"
