"""Several boards: the canaries first, the rest at once after they pass, the canaries back where they do not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from edgekit.core.errors import EdgekitError, UsageError
from edgekit.deploy.install import Outcome, State
from edgekit.transports.uri import DeviceUri

Work = Callable[[DeviceUri], Outcome]
_AT_ONCE = 16
_CANARY = "the canary did not pass"


def deploy_fleet(
    devices: Sequence[DeviceUri], deploy: Work, undo: Callable[[Outcome], Outcome], canaries: int
) -> tuple[Outcome, ...]:
    """One outcome for each device, in their order; a board that fails does not stop the others of its turn.

    Args:
        deploy: brings the release to one board, `undo`: takes it back from one where it was deployed. An EdgekitError
            of theirs becomes an outcome.
        canaries: how many go first; 0 sends all at once.

    Raises UsageError where a device is named twice.
    """
    if len(set(devices)) != len(devices):
        raise UsageError("a device is named twice")
    first, rest = devices[:canaries], devices[canaries:]
    done = _at_once(first, deploy)
    if any(outcome.state is State.FAILED for outcome in done):
        return (*_taken_back(done, undo), *(Outcome(device, State.SKIPPED, health=_CANARY) for device in rest))
    return (*done, *_at_once(rest, deploy))


def _taken_back(outcomes: Sequence[Outcome], undo: Callable[[Outcome], Outcome]) -> list[Outcome]:
    """The canaries that had passed, rolled back because another one did not."""
    back = {outcome.device: outcome for outcome in outcomes if outcome.state is State.DEPLOYED}
    undone = {o.device: o for o in _at_once(list(back), lambda device: undo(back[device]))}
    return [undone.get(outcome.device, outcome) for outcome in outcomes]


def _at_once(devices: Sequence[DeviceUri], work: Work) -> list[Outcome]:
    if not devices:
        return []
    with ThreadPoolExecutor(min(len(devices), _AT_ONCE)) as pool:
        return list(pool.map(lambda device: _outcome(device, work), devices))


def _outcome(device: DeviceUri, work: Work) -> Outcome:
    try:
        return work(device)
    except EdgekitError as error:
        return Outcome(device, State.FAILED, error=error)


def failures(outcomes: Sequence[Outcome]) -> list[EdgekitError]:
    """What went wrong, in the order of the devices."""
    return [outcome.error for outcome in outcomes if outcome.error is not None]


def worst(outcomes: Sequence[Outcome]) -> int:
    """The exit code: of the one kind of error that there was, else 5, a device failed; 0 for none."""
    codes = {error.exit_code for error in failures(outcomes)}
    if len(codes) == 1:
        return codes.pop()
    return 5 if codes else 0
