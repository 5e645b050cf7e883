"""Two bundles on a phone in turns: one start of the tool each, A B B A, so that heat and neighbours meet both alike."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.bundle.manifest import MODEL
from edgekit.bundle.read import Bundle
from edgekit.core.errors import DeviceError
from edgekit.core.progress import Progress
from edgekit.measure.android import bring, conditions, prove, settle_in, start, steps
from edgekit.measure.android_launches import timings
from edgekit.measure.measurement import Conditions
from edgekit.measure.options import CheckOptions
from edgekit.transports.base import Transport


@dataclass(frozen=True, slots=True)
class Turns:
    """The median of each start in microseconds, for each side, block by block.

    The tool cuts each time down to whole multiples of `resolution_us`, so that a ratio is no surer than that.
    """

    a_us: tuple[float, ...]
    b_us: tuple[float, ...]
    conditions: Conditions
    resolution_us: float = 1.0


def turns_on_phone(
    pair: tuple[Bundle, Bundle],
    transport: Transport,
    device: str,
    options: CheckOptions,
    progress: Progress,
    blocks: int = 10,
) -> Turns:
    """Run both bundles `blocks` times on the phone behind `transport`, which is open.

    Raises DeviceError where one of them computes something else than its golden samples, and as `measure_on_phone`.
    """
    times: tuple[list[float], list[float]] = ([], [])
    lab = ""
    with steps(progress, f"compare on {device}", 2 + 2 * blocks):
        station = settle_in(transport, device, options)
        sides = tuple(bring(station, bundle, f"{name}_{MODEL}") for bundle, name in zip(pair, "ab", strict=True))
        for side in sides:
            parity = prove(side)
            if not parity.passed:
                name = side.bundle.folder.name
                raise DeviceError(f"{device} computes something else with {name}: {parity.first_difference}")
            progress.advance()
        timing = timings(None, options.warmup)[0]
        for block in range(blocks):
            for place in (0, 1) if block % 2 == 0 else (1, 0):
                one, log = start(sides[place], timing, f"result{place}_{block}.pb")
                times[place].append(one.median_us)
                lab = log.lab
                progress.advance()
        after = station.phone.facts()
    return Turns(tuple(times[0]), tuple(times[1]), conditions(station, after, lab))
