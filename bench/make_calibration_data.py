"""Make `calibration_data/` again from the files that scikit-learn ships (`sklearn/datasets/data` of its wheel).

    python -m bench.make_calibration_data SKLEARN_DATA_FOLDER

The split is by a seeded permutation: calibration, evaluation and the training part of the demo model share no sample.
"""

from __future__ import annotations

import gzip
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgekit.core.files import write_atomic
from edgekit.data.npz import pack_npz

FOLDER = Path(__file__).resolve().parents[1] / "calibration_data"
EVALUATION, CALIBRATION = 600, 200
WINE_EVALUATION = 60


@dataclass(frozen=True, slots=True)
class Part:
    """Some samples: `x` as stored, `y` their classes."""

    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True, slots=True)
class Split:
    """Three parts without a common sample."""

    evaluation: Part
    calibration: Part
    training: Part


def digits_split(sklearn_data: Path) -> Split:
    """scikit-learn's digits: `x` uint8 (n, 8, 8, 1) with values 0..16, `y` uint8."""
    with gzip.open(sklearn_data / "digits.csv.gz", "rt") as file:
        table = np.loadtxt(file, delimiter=",")
    table = table[np.random.Generator(np.random.PCG64(0)).permutation(len(table))]
    parts = np.split(table, [EVALUATION, EVALUATION + CALIBRATION])
    return Split(*(Part(p[:, :64].reshape(-1, 8, 8, 1).astype(np.uint8), p[:, 64].astype(np.uint8)) for p in parts))


def wine_split(sklearn_data: Path) -> tuple[Part, Part]:
    """scikit-learn's wine, evaluation and the rest: `x` float32 (n, 13), `y` uint8."""
    table = np.loadtxt(sklearn_data / "wine_data.csv", delimiter=",", skiprows=1)
    table = table[np.random.Generator(np.random.PCG64(0)).permutation(len(table))]
    first, rest = np.split(table, [WINE_EVALUATION])
    return Part(first[:, :13].astype(np.float32), first[:, 13].astype(np.uint8)), Part(
        rest[:, :13].astype(np.float32), rest[:, 13].astype(np.uint8)
    )


def main() -> None:
    source = Path(sys.argv[1])
    digits, (wine_test, wine) = digits_split(source), wine_split(source)
    arrays = {
        "digits/digits.npz": {"image": digits.calibration.x},
        "digits-test/digits.npz": {"image": digits.evaluation.x, "label": digits.evaluation.y},
        "wine/wine.npz": {"features": wine.x},
        "wine-test/wine.npz": {"features": wine_test.x, "label": wine_test.y},
    }
    for name, content in arrays.items():
        write_atomic(FOLDER / name, pack_npz(content))
        print(f"{name}: {', '.join(f'{key} {array.dtype} {array.shape}' for key, array in content.items())}")
    print("wine mean", wine.x.mean(axis=0).round(4).tolist(), "std", wine.x.std(axis=0).round(4).tolist())


if __name__ == "__main__":
    main()
