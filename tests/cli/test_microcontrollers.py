"""`edgekit build` for a microcontroller: what lies in the bundle, what is said, and one sentence for what cannot be."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.graph.codec import write
from edgekit.graph.model import Model, Op
from tests.cli.run import edgekit, said
from tests.small_models import activation, assemble, constant, conv_model, options, signed
from tests.tools import package, tool

BOARD = "nucleo-l4r5zi"


class Workplace:
    """A model, samples for it and a cache, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "net.tflite").write_bytes(write(conv_model()))
        samples = np.random.default_rng(4).normal(0, 1, (12, 8, 8, 3)).astype(np.float32)
        np.savez(folder / "samples.npz", x=samples)

    def build(self, output: str, *more: object, model: str = "net.tflite") -> subprocess.CompletedProcess[str]:
        """The build of an int8 model from samples."""
        samples = ("--calibration", self.folder / "samples.npz", "--recipe", "int8")
        return self.run("build", self.folder / model, "-o", self.folder / output, *samples, *more)

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Any command, with this cache."""
        return edgekit(*arguments, cache=self.folder / "cache")

    def details(self, output: str, target: str = BOARD) -> dict[str, Any]:
        """What the manifest has of the parts."""
        return dict(json.loads((self.folder / output / target / "manifest.json").read_text())["details"])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    return Workplace(tmp_path_factory.mktemp("mcu"))


@pytest.fixture(scope="module")
def built(place: Workplace) -> subprocess.CompletedProcess[str]:
    """A build for a board, whose report is on standard output."""
    tool("cc", "sudo apt-get install gcc libc6-dev")
    done = place.build("out", "-t", BOARD, "--json", place.folder / "report.json")
    assert done.returncode == 0, said(done)
    return done


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_bundle_has_the_c_and_says_that_it_was_run(
    place: Workplace, built: subprocess.CompletedProcess[str]
) -> None:
    record = place.details("out")["c"]
    assert (record["build"], record["optimize"], record["rounding"]) == ("dsp", "speed", "litert")
    check = record["host_check"]
    assert (check["state"], check["samples"], check["worst"]) == ("passed", 8, 0.0)
    assert check["compiler"]
    assert "c/ for edgekit C" in built.stdout and "bit-exact on 8 golden samples, compiled by" in built.stdout
    (report,) = json.loads((place.folder / "report.json").read_text())["results"]
    assert [part["folder"] for part in report["parts"]] == ["tflm", "c", ""]
    assert report["arena"]["arena_bytes"] == record["arena_bytes"] > 0
    page = (place.folder / "out" / BOARD / "report.html").read_text()
    assert 'id="parts"' in page and "bit-exact on 8 golden samples" in page


def test_the_bundle_is_whole_and_its_c_builds_and_computes(
    place: Workplace, built: subprocess.CompletedProcess[str]
) -> None:
    bundle = place.folder / "out" / BOARD
    listed = {entry["path"] for entry in json.loads((bundle / "manifest.json").read_text())["files"]}
    assert {"c/ek_model.c", "c/ek_model.h", "c/zephyr/module.yml", "tflm/main.cc"} <= listed
    assert place.run("bundle", "verify", bundle).returncode == 0
    copy = shutil.copytree(bundle / "c", place.folder / "c")
    subprocess.run(["make", "check"], cwd=copy, check=True, capture_output=True, timeout=60)


def test_the_same_inputs_give_the_same_bytes(place: Workplace, built: subprocess.CompletedProcess[str]) -> None:
    again = place.build("again", "-t", BOARD)
    assert again.returncode == 0, said(again)
    one, two = (contents(place.folder / name / BOARD) for name in ("out", "again"))
    manifests = [json.loads(found.pop("manifest.json")) for found in (one, two)]
    assert manifests[0]["details"] == manifests[1]["details"]
    assert {name: data for name, data in one.items() if name != "report.html"} == {
        name: data for name, data in two.items() if name != "report.html"
    }


def test_a_changed_source_is_noticed(place: Workplace, built: subprocess.CompletedProcess[str]) -> None:
    bundle = shutil.copytree(place.folder / "out" / BOARD, place.folder / "changed")
    source = bundle / "c" / "ek_model.c"
    source.write_bytes(source.read_bytes().replace(b"static", b"extern", 1))
    for command in (("bundle", "verify"), ("inspect",)):
        done = place.run(*command, bundle)
        assert done.returncode == 3
        assert "c/ek_model.c was altered" in said(done) and len(said(done).splitlines()) <= 2


@pytest.mark.parametrize("option", [("--optimize", "ram"), ("--rounding", "tflm")])
def test_options_are_for_microcontrollers(place: Workplace, option: tuple[str, str]) -> None:
    done = place.build("none", "-t", "pixel-8,raspberry-pi-4", *option)
    assert done.returncode == 2
    assert f"{option[0]} is for the C of microcontrollers, and no target is one" in said(done)
    assert not (place.folder / "none").exists()


def test_options_are_recorded_and_without_a_compiler_the_report_says_so(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(place.folder))
    done = place.build("unchecked", "-t", BOARD, "--optimize", "size")
    assert done.returncode == 0, said(done)
    assert "not checked on this machine: there is no C compiler" in " ".join(done.stdout.split())
    record = place.details("unchecked")["c"]
    assert record["host_check"] == {"state": "not checked on this machine"}
    assert record["optimize"] == "size"
    assert "-Os" in (place.folder / "unchecked" / BOARD / "c" / "Makefile").read_text()


def stand_in(place: Workplace, monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    """Makes the package `module` one that is not installed."""
    (place.folder / "without").mkdir(exist_ok=True)
    (place.folder / "without" / f"{module}.py").write_text('raise ImportError("not installed")\n')
    monkeypatch.setenv("PYTHONPATH", str(place.folder / "without"), prepend=":")


def test_without_vela_the_bundle_is_there_and_the_build_fails(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(place, monkeypatch, "ethosu")
    done = place.build("npu", "-t", "corstone-300-u55")
    assert done.returncode == 6
    assert "has nothing for the Ethos-U55" in said(done) and "pip install 'edgekit[vela]'" in said(done)
    assert "ethosu" not in place.details("npu", "corstone-300-u55")
    assert (place.folder / "npu" / "corstone-300-u55" / "c" / "ek_model.c").exists()


def test_the_rounding_of_tflm_needs_tflm(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(place, monkeypatch, "tflite_micro")
    done = place.build("rounding", "-t", BOARD, "--rounding", "tflm")
    assert done.returncode == 6
    assert "pip install 'edgekit[tflm]'" in said(done) and len(said(done).splitlines()) <= 2
    assert not (place.folder / "rounding" / BOARD).exists()


def test_the_rounding_of_tflm_is_tflms(place: Workplace) -> None:
    package("tflite_micro", "tflm")
    done = place.build("tflm", "-t", BOARD, "--rounding", "tflm")
    assert done.returncode == 0, said(done)
    details = place.details("tflm")
    assert (details["tflm"]["samples"], details["tflm"]["worst"]) == (8, 0.0)
    assert details["tflm"]["arena_bytes"] > details["c"]["arena_bytes"]
    assert (details["c"]["rounding"], details["c"]["host_check"]["worst"]) == ("tflm", 0.0)
    manifest = json.loads((place.folder / "tflm" / BOARD / "manifest.json").read_text())
    assert manifest["golden"]["kernels"] == "tflm"


def test_with_vela_the_bundle_has_its_model(place: Workplace) -> None:
    package("ethosu.vela", "vela")
    done = place.build("npu", "-t", "corstone-300-u55")
    assert done.returncode == 0, said(done)
    record = place.details("npu", "corstone-300-u55")["ethosu"]
    assert record["cycles"] > 0 and record["left_on_cpu"] == []
    assert (place.folder / "npu" / "corstone-300-u55" / "ethosu" / "model_vela.tflite").exists()
    assert "left on the CPU  no operator" in done.stdout


def odd_models() -> dict[str, Model]:
    """Models that there is no C for, or none at all."""
    x, y = activation("x", 1, 4), activation("sum", 1, 4)
    axis = constant("axis", np.asarray(1, np.int32))
    first = assemble([Op("CUMSUM", [x, axis], [y], options("CumsumOptions"))], [x], [y])
    z, w = activation("z", 1, 4), activation("w", 1, 4)
    second = assemble([Op("RELU", [z], [w])], [z], [w], name="other")
    a, b = activation("a", 1, 1024, 1024, 512), activation("b", 1, 1024, 1024, 512)
    c, d = activation("c", 1, 4), activation("d", 1, 4)
    return {
        "cumsum": signed(first),
        "two": signed(assemble([Op("RELU", [c], [d])], [c], [d]), second),
        "giant": signed(assemble([Op("RELU", [a], [b])], [a], [b])),
        "custom": signed(assemble([Op("CUSTOM", [c], [d], custom_name="mine")], [c], [d])),
    }


def build_odd(place: Workplace, name: str, target: object = BOARD) -> subprocess.CompletedProcess[str]:
    model = place.folder / f"{name}.tflite"
    model.write_bytes(write(odd_models()[name]))
    return place.run("build", model, "-t", target, "--recipe", "float32", "-o", place.folder / f"out-{name}")


@pytest.mark.parametrize(("name", "why"), [("cumsum", "No C is generated for CUMSUM"), ("two", "control flow")])
def test_a_model_without_c_is_built_for_tflm_and_the_report_says_why(place: Workplace, name: str, why: str) -> None:
    done = build_odd(place, name)
    assert done.returncode == 0, said(done)
    words = " ".join(done.stdout.split())
    assert "The bundle has no c/: " in words and why in words
    assert not (place.folder / f"out-{name}" / BOARD / "c").exists()
    assert (place.folder / f"out-{name}" / BOARD / "tflm" / "model.c").exists()


def test_where_c_is_all_there_is_an_unsupported_operator_is_an_error(place: Workplace) -> None:
    mine = place.folder / "mine.toml"
    mine.write_text(f'schema = 1\ninherit = "{BOARD}"\nruntime = "c"\ntitle = "Mine"\n')
    done = build_odd(place, "cumsum", mine)
    assert done.returncode == 3
    assert "CUMSUM" in said(done) and len(said(done).splitlines()) <= 2
    assert not (place.folder / "out-cumsum" / "mine").exists()


@pytest.mark.parametrize(("name", "words"), [("giant", "takes 2.0 GiB"), ("custom", "needs mine")])
def test_what_no_device_runs_is_refused_in_one_sentence(place: Workplace, name: str, words: str) -> None:
    done = build_odd(place, name)
    assert done.returncode == 3
    assert words in said(done) and len(said(done).splitlines()) <= 2
    assert not (place.folder / f"out-{name}").exists()
