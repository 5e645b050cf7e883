"""What a step brought, and why it is not worth keeping, if it is not. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.compress.step import Aim

_NOTICEABLE = 1.02  # a slower model is one that is slower by more than this for sure
_LEAST_GAIN_DB = -0.1  # outputs may stray by as much without it meaning anything


@dataclass(frozen=True, slots=True)
class Size:
    """What a model costs: bytes of the file, multiply-accumulates, peak of live activations."""

    model_bytes: int
    macs: int
    activation_bytes: int


@dataclass(frozen=True, slots=True)
class Speed:
    """Latency after over latency before, on one device in turns, with its 95 % interval."""

    device: str
    ratio: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Closeness:
    """How near a model's outputs are to the original's on the same samples; `agreement` in percent, for classes."""

    sqnr_db: float
    agreement: float | None


@dataclass(frozen=True, slots=True)
class Brought:
    """A step's effect, as measured; None where it could not be."""

    before: Size
    after: Size
    closeness_before: Closeness | None = None
    closeness_after: Closeness | None = None
    speed: Speed | None = None


def why_not(aim: Aim, brought: Brought, size_needed: bool) -> str:
    """The reason why a step does not pay, or "".

    Args:
        size_needed: whether a limit on size is broken by the model before the step.
    """
    if aim is Aim.SMALLER:
        return _slower(brought, size_needed) or _no_smaller(brought)
    return _no_closer(brought) if aim is Aim.CLOSER else ""


def _slower(brought: Brought, size_needed: bool) -> str:
    speed = brought.speed
    if speed is None or size_needed or speed.low <= _NOTICEABLE:
        return ""
    found = f"{speed.ratio:.2f} times as long ({speed.low:.2f} to {speed.high:.2f})"
    return f"an inference takes {found} with it on {speed.device}, and no limit on size needs it"


def _no_smaller(brought: Brought) -> str:
    before, after = brought.before, brought.after
    faster = brought.speed is not None and brought.speed.high < 1
    shrunk = after.model_bytes < before.model_bytes or after.macs < before.macs
    shrunk = shrunk or after.activation_bytes < before.activation_bytes
    return "" if faster or shrunk else "it brings neither fewer bytes, nor fewer operations, nor less time"


def _no_closer(brought: Brought) -> str:
    before, after = brought.closeness_before, brought.closeness_after
    if before is None or after is None or after.sqnr_db >= before.sqnr_db + _LEAST_GAIN_DB:
        return ""
    return f"it brings the outputs no closer to the original's: {after.sqnr_db:.1f} dB, {before.sqnr_db:.1f} dB without"
