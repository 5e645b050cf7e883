"""`edgekit firmware`."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("bundle", type=PATH)
@click.option(
    "--board", required=True, metavar="NAME|FILE", help="A machine of QEMU, or a board's description (.toml)."
)
@click.option(
    "-o", "--output", type=PATH, default=Path("firmware.elf"), show_default=True, help="The ELF file to write."
)
@click.option("--flash", "with_flash", is_flag=True, help="Write it to the board through a debug probe (pyOCD).")
def firmware(bundle: Path, board: str, output: Path, with_flash: bool) -> None:
    """A firmware with BUNDLE's network in it, which `edgekit check` and MLPerf Tiny's runner talk to.

    For a board of your own see docs/microcontrollers.md.
    """
    from edgekit.bundle.read import open_bundle
    from edgekit.core.errors import UsageError
    from edgekit.measure.microcontroller import network_of
    from edgekit.transports.firmware import machine_named
    from edgekit.transports.network_firmware import network_image
    from edgekit.transports.own_board import own_image, read_board
    from edgekit.transports.pyocd import flash

    opened = open_bundle(bundle)
    if not board.endswith(".toml"):
        if with_flash:
            raise UsageError(f"{board} is emulated, so there is nothing to flash")
        machine = machine_named(board)
        shutil.copyfile(network_image(machine, network_of(opened, machine.processor)), output)
        click.echo(f"firmware  {output}, for qemu-system-arm -M {machine.name} -kernel {output}")
        return
    own = read_board(Path(board))
    if with_flash and not own.pyocd_target:
        raise UsageError(
            f"{board} has no pyocd_target, so pyOCD cannot flash it", "`pyocd list --targets` has the names"
        )
    own_image(own, network_of(opened, own.core), output)
    click.echo(f"firmware  {output}, for {own.name}")
    if with_flash:
        flash(output, own.pyocd_target)
        click.echo(f"flashed   {own.name}")
