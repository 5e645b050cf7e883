"""Labels of a dataset: numbers by sample, and the names of the classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgekit.core.errors import DatasetError


@dataclass(frozen=True, slots=True)
class Labels:
    """The label of each value of the columns (an integer class, or an array), and the names of the classes."""

    values: np.ndarray | None = None
    names: tuple[str, ...] = ()


def named(texts: Sequence[str], names: tuple[str, ...], where: str) -> Labels:
    """Labels that are names: numbers by their place in `names`, or in sorted order where there are none."""
    names = names or tuple(sorted(set(texts)))
    numbers = {name: number for number, name in enumerate(names)}
    if unknown := sorted(set(texts) - set(names)):
        raise DatasetError(f"{where} has the label {unknown[0]!r}", f"declared: {', '.join(names)}")
    return Labels(np.array([numbers[text] for text in texts], np.int64), names)


def validate_labels(labels: Labels, count: int, where: str) -> None:
    """Raises DatasetError: not one finite number (or array) for each of `count` samples, or a class without name."""
    values, names = labels.values, labels.names
    if values is None:
        return
    if not values.ndim or len(values) != count:
        raise DatasetError(f"{where} has {count} samples but {len(values) if values.ndim else 1} labels")
    if values.dtype.kind not in "iubf":
        raise DatasetError(f"the labels of {where} are {values.dtype.name}", "numbers are needed")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise DatasetError(f"the labels of {where} have values that are not finite numbers")
    if names and values.dtype.kind != "f" and (values.min() < 0 or values.max() >= len(names)):
        found = f"{values.min()} to {values.max()}"
        raise DatasetError(f"the labels of {where} go from {found}, but {len(names)} classes have names")
