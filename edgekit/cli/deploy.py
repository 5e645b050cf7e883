"""`edgekit deploy`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.output import print_table, write_json

if TYPE_CHECKING:
    from edgekit.bundle.read import Bundle
    from edgekit.cli.check import Judging
    from edgekit.deploy.agent.protocol import Step
    from edgekit.deploy.install import Check, Outcome
    from edgekit.transports.base import Transport
    from edgekit.transports.uri import DeviceUri

PATH = click.Path(path_type=Path)
DEVICES = click.option(
    "--device", "devices", required=True, multiple=True, metavar="URI", help="ssh:USER@HOST[:PORT]; repeatable."
)
HEALTH = click.option(
    "--health", "health_s", type=click.FloatRange(1, 3600), default=60.0, show_default=True, metavar="SECONDS",
    help="How long the service may take to serve the release.",
)  # fmt: skip
PYTHON = click.option("--python", default="", metavar="PATH", help="The interpreter on the board, for the check too.")
JSON = click.option("--json", "json_path", type=PATH, help="Write the results there, - for stdout.")


@click.command()
@click.argument("bundle", type=PATH)
@DEVICES
@click.option("--key", type=PATH, help="Sign it with this private key on the way; the bundle here stays as it is.")
@click.option("--trust-key", type=PATH, metavar="PUBLIC", help="A public key for boards that trust none yet.")
@click.option("--canary", type=click.IntRange(0), default=1, show_default=True, help="How many boards go first.")
@click.option("--check/--no-check", "checked", default=True, help="Measure on the board before the switch.")
@click.option("--runs", type=click.IntRange(1), help="How many timed runs of the check.")
@click.option("--budget", "budgets", multiple=True, metavar="KEY=VALUE", help="A limit over the bundle's own.")
@click.option("--accept-emulated", is_flag=True, help="Hold times of emulated boards against limits too.")
@click.option("--service/--no-service", "with_service", default=True, help="Bring the program that serves the release.")
@HEALTH
@PYTHON
@JSON
def deploy(
    bundle: Path,
    devices: tuple[str, ...],
    key: Path | None,
    trust_key: Path | None,
    canary: int,
    checked: bool,
    runs: int | None,
    budgets: tuple[str, ...],
    accept_emulated: bool,
    with_service: bool,
    health_s: float,
    python: str,
    json_path: Path | None,
) -> int:
    """Install BUNDLE on boards: staged, verified and checked there, then switched to, or back by itself.

    With several boards a canary goes first, and the rest at once after it passes; it is rolled back where it does not.
    """
    from edgekit.bundle.read import open_bundle
    from edgekit.bundle.sign import signed
    from edgekit.cli.check import Judging
    from edgekit.core.files import read_bytes
    from edgekit.deploy.fleet import deploy_fleet, worst
    from edgekit.deploy.install import DeployOptions, deploy_to, roll_back
    from edgekit.deploy.release import release_of
    from edgekit.service.pack import pack_service
    from edgekit.targets.target import Budget, parse_budget

    opened = open_bundle(bundle)
    uris = boards(devices)
    release = release_of(signed(opened, key) if key else opened, pack_service() if with_service else b"")
    trusted = read_bytes(trust_key).decode(errors="replace") if trust_key else ""
    options = DeployOptions(health_s, trusted, python, show_step)
    budget = Budget(**opened.manifest.budget).merge(dict(parse_budget(text) for text in budgets))
    check = _check(opened, Judging(budget, accept_emulated), runs, python) if checked else None
    outcomes = deploy_fleet(
        uris,
        lambda device: deploy_to(device, release, check, options),
        lambda outcome: roll_back(outcome.device, options, release.digest, outcome.first),
        canary if len(uris) > 1 else 0,
    )
    show_outcomes(outcomes, json_path)
    return worst(outcomes)


def boards(devices: tuple[str, ...]) -> tuple[DeviceUri, ...]:
    """The devices, all of which take releases. Raises UsageError."""
    from edgekit.deploy.site import require_board
    from edgekit.transports.uri import parse_device

    uris = tuple(parse_device(text) for text in devices)
    for uri in uris:
        require_board(uri)
    return uris


def show_step(device: DeviceUri, step: Step) -> None:
    """A line for each step, where someone watches."""
    if sys.stderr.isatty():
        click.echo(f"{device}: {step.value}", err=True)


def show_outcomes(outcomes: tuple[Outcome, ...], json_path: Path | None) -> None:
    """A table, or a file, and every error in full."""
    from edgekit.cli.main import show_error
    from edgekit.deploy.fleet import failures

    if json_path is not None:
        write_json(json_path, [_record(outcome) for outcome in outcomes])
    if json_path is None or str(json_path) != "-":
        rows = [(str(o.device), o.state.value, o.release or "-", o.check or "-", o.health or "-") for o in outcomes]
        print_table(("device", "result", "release", "check", "service"), rows)
        for outcome in outcomes:
            if outcome.recovered:
                click.echo(f"{outcome.device}: {outcome.recovered}")
    for error in failures(outcomes):
        show_error(error)


def _record(outcome: Outcome) -> dict[str, object]:
    error = outcome.error
    return {
        "device": str(outcome.device),
        "state": outcome.state.name.lower(),
        "release": outcome.release,
        "check": outcome.check,
        "health": outcome.health,
        "recovered": outcome.recovered,
        "seconds": round(outcome.seconds, 3),
        "error": {"message": error.message, "hint": error.hint} if error else None,
    }


def _check(bundle: Bundle, judging: Judging, runs: int | None, python: str) -> Check:
    """Parity, latency and memory on the board, against the budget: wrong or over a limit stops the deployment."""
    from edgekit.cli.check import gates_of
    from edgekit.core.errors import DeviceError, GateError
    from edgekit.core.progress import Silent
    from edgekit.measure.check import check_open
    from edgekit.measure.gates import describe, failed_gates
    from edgekit.measure.options import CheckOptions

    options = CheckOptions(runs=runs, profile=False, python=python)

    def check(device: DeviceUri, transport: Transport) -> str:
        found = check_open(bundle, device, transport, options, Silent())
        if not found.parity.passed:
            raise DeviceError(f"{device} computes something else: {found.parity.first_difference}")
        gates = gates_of(bundle, found, judging)
        if failed_gates(gates):
            raise GateError(f"{device}: {describe(gates)}")
        open_gates = [gate.key for gate in gates if gate.passed is None]
        judged = f", not judged: {', '.join(open_gates)}" if open_gates else ""
        emulated = " (emulated)" if found.conditions.emulated else ""
        p90 = f"{found.latency.p90_us / 1000:.3g} ms" if found.latency else "not timed"
        return f"outputs right, p90 {p90}{emulated}{judged}"

    return check
