"""`edgekit rollback`."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli.deploy import DEVICES, HEALTH, JSON, PYTHON, boards, show_outcomes, show_step


@click.command()
@DEVICES
@HEALTH
@PYTHON
@JSON
def rollback(devices: tuple[str, ...], health_s: float, python: str, json_path: Path | None) -> int:
    """Return to the release that ran before; once more returns to the later one."""
    from edgekit.deploy.fleet import deploy_fleet, worst
    from edgekit.deploy.install import DeployOptions, roll_back

    options = DeployOptions(health_s, "", python, show_step)
    outcomes = deploy_fleet(boards(devices), lambda device: roll_back(device, options), lambda outcome: outcome, 0)
    show_outcomes(outcomes, json_path)
    return worst(outcomes)
