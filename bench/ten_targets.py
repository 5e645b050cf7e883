"""What a build for ten targets costs beside a build for one: import and calibration are done once.

Usage: python -m bench.ten_targets [CASE]

Both builds begin with an empty cache, in processes of their own; wall seconds of one run, so only the ratio counts.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.cases import CASES

TARGETS = (
    "pixel-8", "galaxy-s24-exynos", "moto-g-2026", "moto-g-play-2024", "raspberry-pi-zero-2w", "raspberry-pi-3b-plus",
    "raspberry-pi-4", "raspberry-pi-5", "galaxy-s24-snapdragon", "local",
)  # fmt: skip


def main() -> None:
    """Print both times and their ratio."""
    name = sys.argv[1] if len(sys.argv) > 1 else "resnet8"
    case = next(case for case in CASES if case.name == name)
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        for role, write in (("calibration", case.write_calibration), ("evaluation", case.write_evaluation)):
            (folder / role).mkdir()
            write(folder / role)
        one = seconds(case.path, TARGETS[:1], folder, folder / "one")
        ten = seconds(case.path, TARGETS, folder, folder / "ten")
    print(f"{name}: one target {one:.1f} s, ten targets {ten:.1f} s, ratio {ten / one:.2f}")


def seconds(model: Path, targets: tuple[str, ...], data: Path, output: Path) -> float:
    """Wall seconds of one `edgekit build` with nothing in the cache."""
    command = [sys.executable, "-m", "edgekit", "build", str(model), "-t", ",".join(targets), "--recipe", "int8"]
    command += ["--calibration", str(data / "calibration"), "--evaluation", str(data / "evaluation")]
    command += ["-o", str(output), "--budget", "accuracy_drop=5"]
    begin = time.perf_counter()
    cache = {"EDGEKIT_CACHE": str(output.with_name(f"{output.name}-cache"))}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ, **cache})
    if done.returncode:
        sys.exit(done.stderr)
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
