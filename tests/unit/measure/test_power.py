"""Power rails: the text of a Raspberry Pi 5's `vcgencmd pmic_read_adc`, and a whole phase with that program in PATH."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgekit.bundle.write import write_bundle
from edgekit.core.errors import DeviceError
from edgekit.measure import power_worker
from edgekit.measure.answer import power
from edgekit.measure.visit import Answer
from tests.unit.bundle.content import content

# Shapes as vcgencmd prints them; the 5 V input has a voltage and no current.
SAID = """\
     3V7_WL_SW_A current(0)=0.50000000A
       3V3_SYS_A current(1)=0.10000000A
      VDD_CORE_A current(7)=2.00000000A
     3V7_WL_SW_V volt(8)=3.70000000V
       3V3_SYS_V volt(9)=3.30000000V
      VDD_CORE_V volt(15)=0.80000000V
         EXT5V_V volt(24)=5.10000000V
"""
WORKERS = Path(power_worker.__file__).parent


def test_power_is_voltage_times_current_of_rails_that_have_both() -> None:
    found = power_worker.rails(SAID)
    assert found == pytest.approx({"3V7_WL_SW": 1.85, "3V3_SYS": 0.33, "VDD_CORE": 1.6})


@pytest.mark.parametrize("said", ["", 'error=1 error_msg="Command not registered"', "EXT5V_V volt(24)=5.1V"])
def test_a_board_without_sensors_has_no_rails(said: str) -> None:
    assert power_worker.rails(said) == {}


def test_energy_is_power_times_time_by_inferences() -> None:
    values = {"rails": {"A": 1.5, "B": 0.5}, "samples": 40, "inferences": 1000, "seconds": 5.0}
    found = power(Answer("pi", values))
    assert found is not None
    assert (found.mean_w, found.energy_mj) == (2.0, 10.0)
    assert "40 readings" in found.how


def test_nonsense_of_a_device_is_an_error() -> None:
    with pytest.raises(DeviceError, match="inferences"):
        power(Answer("pi", {"rails": {"A": 1.5}, "samples": 4, "inferences": 0, "seconds": 5.0}))
    with pytest.raises(DeviceError, match="rails"):
        power(Answer("pi", {"rails": [1]}))


def run(folder: Path, path: str) -> dict[str, object]:
    """The worker as it is run on a board."""
    write_bundle(folder / "b", content())
    request = {"model": "b/model.tflite", "golden": "b/golden.npz", "threads": 1, "kernels": "builtin", "result": "r"}
    (folder / "request.json").write_text(json.dumps(request))
    for name in ("worker.py", "power_worker.py"):
        (folder / name).write_bytes((WORKERS / name).read_bytes())
    command = [sys.executable, "power_worker.py", "request.json"]
    environment = {**os.environ, "PATH": path}
    done = subprocess.run(command, check=False, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    found = json.loads((folder / "r").read_text())
    assert isinstance(found, dict)
    return found


def test_a_phase_with_sensors(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "vcgencmd"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{SAID}END\n")
    program.chmod(0o755)
    found = power(Answer("pi", run(tmp_path, f"{program.parent}:{os.environ['PATH']}")))
    assert found is not None
    assert found.mean_w == pytest.approx(3.78)
    assert found.energy_mj > 0


def test_a_phase_without_sensors(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    found = run(tmp_path, str(tmp_path / "bin"))
    assert power(Answer("pi", found)) is None
    assert "no power sensors" in str(found["why"])
