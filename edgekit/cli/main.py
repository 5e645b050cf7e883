"""The entry points, the table of commands, and the one place where errors become exit codes."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Callable, Sequence

import click

from edgekit import __version__
from edgekit.core.errors import EdgekitError

COMMANDS = {
    "build": ("edgekit.cli.build:build", "A trained model in, a checked bundle for each target out."),
    "check": ("edgekit.cli.check:check", "Latency, memory and parity of a bundle on a device, against its budgets."),
    "profile": ("edgekit.cli.profile:profile", "Which operator takes the time."),
    "firmware": ("edgekit.cli.firmware:firmware", "A microcontroller's firmware with a bundle's network in it."),
    "compare": ("edgekit.cli.compare:compare", "Two models or bundles, layer by layer."),
    "analyze": ("edgekit.cli.analyze:analyze", "What each layer would cost and save with fewer bits or channels."),
    "inspect": ("edgekit.cli.inspect:inspect", "Inputs, outputs, operators, MACs, bytes, memory; what a target runs."),
    "deploy": ("edgekit.cli.deploy:deploy", "A bundle on boards: verified and checked there, then switched to."),
    "rollback": ("edgekit.cli.rollback:rollback", "Return boards to the release that ran before."),
    "status": ("edgekit.cli.status:status", "What boards run, since when, and whose signature it has."),
    "bundle": ("edgekit.cli.bundle:bundle", "Pack, unpack, sign and verify bundles."),
    "lab": ("edgekit.cli.lab:lab", "An emulated fleet on this machine: phone, Pis, boards."),
    "targets": ("edgekit.cli.targets:targets", "The device classes that edgekit knows."),
    "recipes": ("edgekit.cli.recipes:recipes", "The shipped recipes and what they do."),
    "devices": ("edgekit.cli.devices:devices", "What is reachable now."),
    "doctor": ("edgekit.cli.doctor:doctor", "What is installed, what is missing, what mends it."),
    "demo": ("edgekit.cli.demo:demo", "The main job on the bundled model, on this machine."),
}
"""Command -> (where it is, its summary): `--help` imports no command."""

EXIT_CODES = (
    "Exit codes: 0 done, 2 wrong usage, 3 the model cannot be imported or is illegal, 4 a gate failed, "
    "5 a device failed, 6 a needed tool or extra is missing, 130 interrupted; 1 is a bug."
)


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.command(cls=LazyGroup, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="edgekit")
def cli() -> None:
    """From a trained model to a bundle that is checked and measured on the device that runs it.

    Begin with `edgekit demo`, or `edgekit build MODEL --target raspberry-pi-4 --calibration DATA`.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """The `edgekit` command. Exits with the documented codes."""
    sys.exit(_run(cli, arguments, "edgekit"))


def device_build(arguments: Sequence[str] | None = None) -> None:
    """The `device-build` command: the same as `edgekit build`."""
    from edgekit.cli.build import build

    sys.exit(_run(build, arguments, "device-build"))


def _run(command: click.Command, arguments: Sequence[str] | None, name: str) -> int:
    return exit_code_of(lambda: command.main(arguments, prog_name=name, standalone_mode=False))


def exit_code_of(work: Callable[[], object]) -> int:
    """Run `work`, show what it raises as a person should see it, and return the exit code."""
    try:
        result = work()
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted; nothing half-written is left, and finished stages are kept", err=True)
        return 130
    except EdgekitError as error:
        show_error(error)
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception:  # noqa: BLE001 - the top of the program: a bug, shown with its traceback
        traceback.print_exc()
        click.echo("this is a bug in edgekit: please report it with the lines above", err=True)
        return 1


def show_error(error: EdgekitError) -> None:
    """An error as a person sees it: what, then what to do."""
    click.echo(click.style("error: ", fg="red", bold=True) + _plain(error.message), err=True)
    if error.hint:
        click.echo(f"  {_plain(error.hint)}", err=True)


def _plain(text: str) -> str:
    """Without what would steer a terminal: an error may quote a file or a device."""
    return "".join(c if c.isprintable() or c in "\n\t" else " " for c in text)
