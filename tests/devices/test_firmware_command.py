"""`edgekit firmware`: for a machine of QEMU, for a board of one's own, and to a board through a probe."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edgekit.bundle.read import open_bundle
from edgekit.bundle.write import write_bundle
from edgekit.codegen.elf import read_elf
from edgekit.core.errors import UsageError
from edgekit.core.extras import installed
from edgekit.transports.own_board import read_board
from tests.cli.run import edgekit as run
from tests.cli.run import said
from tests.devices.case_mcu import needed
from tests.unit.bundle.content import content

MANUAL = Path(__file__).parents[2] / "docs" / "microcontrollers.md"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    needed()
    write_bundle(tmp_path / "b", content("mcu"))
    return tmp_path / "b"


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """The board of the manual: its C file and its description."""
    text = MANUAL.read_text()
    (tmp_path / "my_board.c").write_text(text.split("```c\n")[1].split("```")[0])
    (tmp_path / "nucleo.toml").write_text(text.split("```toml\n")[1].split("```")[0])
    return tmp_path / "nucleo.toml"


def test_a_firmware_for_an_emulated_board(bundle: Path, tmp_path: Path) -> None:
    done = run("firmware", bundle, "--board", "mps3-an547", "-o", tmp_path / "f.elf", cache=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "qemu-system-arm -M mps3-an547 -kernel" in done.stdout
    names = {symbol.name for symbol in read_elf((tmp_path / "f.elf").read_bytes()).symbols}
    assert {"ek_model_run", "machine_start", "board_write"} <= names
    done = run("firmware", bundle, "--board", "mps3-an547", "--flash", cache=tmp_path)
    assert (done.returncode, "is emulated" in said(done)) == (2, True)


def test_the_board_of_the_manual(bundle: Path, board: Path, tmp_path: Path) -> None:
    done = run("firmware", bundle, "--board", board, "-o", tmp_path / "f.elf", cache=tmp_path)
    assert done.returncode == 0, done.stderr
    program = read_elf((tmp_path / "f.elf").read_bytes())
    places = {section.name: section.address for section in program.sections}
    assert places[".text"] == 0x08000000
    assert places[".bss"] >= 0x20000000
    assert {"ek_model_run", "board_write", "counter_ticks"} <= {symbol.name for symbol in program.symbols}


def test_flashing_without_pyocd_or_without_a_probe(bundle: Path, board: Path, tmp_path: Path) -> None:
    done = run("firmware", bundle, "--board", board, "-o", tmp_path / "f.elf", "--flash", cache=tmp_path)
    if installed("pyocd"):
        assert (done.returncode, "pyOCD did not flash stm32l4r5zitx: " in said(done)) == (5, True), done.stderr
    else:
        assert (done.returncode, "pip install 'edgekit[pyocd]'" in said(done)) == (6, True), done.stderr
    text = board.read_text()
    board.write_text(re.sub(r"pyocd_target.*\n", "", text))
    done = run("firmware", bundle, "--board", board, "-o", tmp_path / "f.elf", "--flash", cache=tmp_path)
    assert (done.returncode, "has no pyocd_target" in said(done)) == (2, True)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("hz =", "herz =", "there is no key 'herz'"),
        ('core = "Cortex-M4F"', 'core = "Cortex-M0+"', r"core is 'Cortex-M0\+'"),
        ('source = "my_board.c"', 'source = "other.c"', "there is no .*other.c"),
        ("data_bytes = 0x60000", "data_bytes = -1", "data_bytes is"),
        ('"70u"', '"70u -o /tmp/x"', "define.USART_IRQ is no macro"),
        ('name = "nucleo"', "name = 'a\"b'", "name is"),
        ("hz = 120_000_000\n", "", "hz is missing"),
        ("[define]", "[define", "is not TOML"),
    ],
)
def test_a_description_that_is_wrong(board: Path, old: str, new: str, words: str) -> None:
    text = board.read_text()
    assert old in text
    board.write_text(text.replace(old, new, 1))
    with pytest.raises(UsageError, match=words):
        read_board(board)


def test_a_network_that_the_board_has_no_room_for(bundle: Path, board: Path, tmp_path: Path) -> None:
    text = board.read_text()
    board.write_text(re.sub(r"code_bytes = \S+", "code_bytes = 0x1000", text))
    done = run("firmware", bundle, "--board", board, "-o", tmp_path / "f.elf", cache=tmp_path)
    assert done.returncode == 5, done.stderr
    assert "region" in said(done) and "overflow" in said(done)
    assert open_bundle(bundle).manifest.name == "tiny"


def test_the_doctor_names_the_compilers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needed()
    lines = run("doctor", cache=tmp_path).stdout.splitlines()
    assert any(line.split()[:2] == ["ok", "arm-none-eabi-gcc"] for line in lines)
    monkeypatch.setenv("PATH", str(tmp_path))
    without = [line for line in run("doctor", cache=tmp_path).stdout.splitlines() if "arm-none-eabi-gcc" in line]
    assert without[0].split()[0] == "missing"
    assert "sudo apt install gcc-arm-none-eabi libnewlib-arm-none-eabi" in without[0]
