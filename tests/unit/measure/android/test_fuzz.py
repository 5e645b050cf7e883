"""Whatever a phone sends, the readers give finite numbers or a DeviceError of one line."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgekit.core.errors import DeviceError
from edgekit.measure.android_facts import parse_facts
from edgekit.measure.android_log import parse_log
from edgekit.measure.android_profile import parse_profile
from edgekit.measure.android_result import parse_result
from tests.unit.measure.android import shapes

patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Of a loaded machine no time is asked."""
TEXTS = {
    "cpu": (parse_log, shapes.CPU),
    "gpu": (parse_log, shapes.GPU),
    "v2": (parse_log, shapes.V2),
    "csv": (parse_profile, shapes.CSV),
    "table": (parse_profile, shapes.TABLE),
}


def is_fit(read: Callable[[], object]) -> bool:
    """Whether it gives finite numbers, or refuses with one line that names the phone."""
    try:
        return all(map(math.isfinite, numbers(read())))
    except DeviceError as error:
        return error.message.startswith("adb:X: ") and "\n" not in error.message


def numbers(value: object) -> Iterator[float]:
    """Every number in a value, however deep."""
    if isinstance(value, (int, float)):
        yield value
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from numbers(part)
    elif dataclasses.is_dataclass(value):
        for part in dataclasses.fields(value):
            yield from numbers(getattr(value, part.name))


def test_numbers_are_found_however_deep() -> None:
    assert list(numbers(parse_log(shapes.CPU, "adb:X").regular)) == list(
        dataclasses.astuple(parse_log(shapes.CPU, "adb:X").regular)
    )


@pytest.mark.parametrize("name", TEXTS)
@patient
@given(data=st.data())
def test_lines_lost_doubled_swapped_and_overwritten(name: str, data: st.DataObject) -> None:
    parse, text = TEXTS[name]
    lines = text.splitlines(keepends=True)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        kind = data.draw(st.sampled_from(["lose", "double", "swap", "cut", "write"]))
        other = data.draw(st.integers(0, len(lines) - 1))
        if kind == "lose" and len(lines) > 1:
            del lines[at]
        elif kind == "double":
            lines.insert(other, lines[at])
        elif kind == "swap":
            lines[at], lines[other] = lines[other], lines[at]
        elif kind == "cut":
            lines[at] = lines[at][: data.draw(st.integers(0, len(lines[at])))]
        else:
            place = data.draw(st.integers(0, len(lines[at])))
            lines[at] = lines[at][:place] + data.draw(st.text(max_size=8)) + lines[at][place + 3 :]
    assert is_fit(lambda: parse("".join(lines), "adb:X"))


@patient
@given(text=st.text())
def test_any_text(text: str) -> None:
    for parse in (parse_log, parse_profile):
        assert is_fit(lambda parse=parse: parse(text, "adb:X"))
    assert parse_facts(text).health.throttled == ""


@patient
@given(data=st.binary(max_size=80))
def test_any_bytes(data: bytes) -> None:
    assert is_fit(lambda: parse_result(data, "adb:X"))


@patient
@given(place=st.integers(0, len(shapes.RESULT) - 1), byte=st.integers(0, 255))
def test_a_flipped_byte(place: int, byte: int) -> None:
    data = shapes.RESULT[:place] + bytes([byte]) + shapes.RESULT[place + 1 :]
    assert is_fit(lambda: parse_result(data, "adb:X"))


@patient
@given(data=st.data())
def test_facts_with_any_section(data: st.DataObject) -> None:
    lines = shapes.FACTS.splitlines()
    at = data.draw(st.integers(0, len(lines) - 1))
    lines[at] = data.draw(
        st.one_of(st.text(), st.from_regex(r"-?\d{1,400}(\.\d+)?|@@ \w+|Temperature\{.*\}", fullmatch=True))
    )
    facts = parse_facts("\n".join(lines))
    assert facts.health.temperature_c is None or -40 < facts.health.temperature_c < 150
    assert all(mhz > 0 for mhz in facts.health.clock_mhz)


def test_what_a_terminal_would_obey_is_taken_out() -> None:
    log = parse_log("ERROR: \x1b]0;evil\x07\x1b[2J gone\n", "adb:X")
    assert log.errors == (" ]0;evil  [2J gone".strip(),)
    text = shapes.CSV.replace("SOFTMAX, 0.24", "SOFT\x1b[2JMAX, 0.24", 1)
    assert all(row.kind.isprintable() and row.name.isprintable() for row in parse_profile(text, "adb:X"))


@pytest.mark.parametrize("text", ["9" * 6000 + " nodes observed", " " * 500_000 + "1 ", "1, " * 300_000, "=" * 400_000])
def test_lines_that_would_take_for_ever_do_not(text: str) -> None:
    header = (
        "============================== Run Order ==============================\n" + TEXTS["csv"][1].splitlines()[2]
    )
    start = time.process_time()
    assert is_fit(lambda: parse_profile(f"{header}\n{text}\n", "adb:X"))
    assert is_fit(lambda: parse_profile(text, "adb:X"))
    assert is_fit(lambda: parse_log(text, "adb:X"))
    assert parse_facts(text).health.throttled == ""
    assert time.process_time() - start < 20  # seconds of this process alone; quadratic time needs hundreds
