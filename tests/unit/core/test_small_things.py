"""Units, registry, extras, errors."""

from __future__ import annotations

import pickle

import pytest

from edgekit.core import errors
from edgekit.core.errors import EdgekitError, MissingError, UsageError
from edgekit.core.extras import installed, require
from edgekit.core.registry import Registry
from edgekit.core.units import format_bytes, format_count, format_us, parse_bytes


@pytest.mark.parametrize(
    ("text", "count"), [("520 KiB", 532_480), ("4 GiB", 2**32), ("1 MB", 1_000_000), ("12 B", 12), ("1.5KiB", 1536)]
)
def test_parse_bytes(text: str, count: int) -> None:
    assert parse_bytes(text) == count


@pytest.mark.parametrize("text", ["", "4", "GiB", "-1 KiB", "4 parsecs"])
def test_parse_bytes_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        parse_bytes(text)


def test_formats() -> None:
    assert [format_bytes(n) for n in (940, 10_240, 98_344, 20 << 20)] == ["940 B", "10 KiB", "96 KiB", "20.0 MiB"]
    assert [format_count(n) for n in (940, 264_000, 12_500_000)] == ["940", "264 k", "12.5 M"]
    assert [format_us(n) for n in (812.4, 3410, 1_200_000)] == ["812 µs", "3.41 ms", "1.2 s"]


def test_registry_loads_by_name_and_names_what_it_knows() -> None:
    registry: Registry[object] = Registry("thing", {"units": ("edgekit.core.units:KIB", "a number")})
    assert list(registry) == ["units"]
    assert "units" in registry
    assert registry.summary("units") == "a number"
    assert registry.load("units") == 1024
    with pytest.raises(UsageError, match="no thing called 'unit'") as caught:
        registry.load("unit")
    assert caught.value.hint == "known: units"


def test_a_missing_extra_names_the_install_command() -> None:
    with pytest.raises(MissingError, match="no_such_module") as caught:
        require("no_such_module", "keras")
    assert caught.value.hint == "pip install 'edgekit[keras]'"
    assert caught.value.exit_code == 6
    assert installed("json")
    assert not installed("no_such_module.child")


def every_error() -> list[type[EdgekitError]]:
    kinds = [v for v in vars(errors).values() if isinstance(v, type) and issubclass(v, EdgekitError)]
    return [kind for kind in kinds if kind is not EdgekitError]


@pytest.mark.parametrize("kind", every_error())
def test_errors_carry_their_exit_code_and_survive_a_process_border(kind: type[EdgekitError]) -> None:
    error = pickle.loads(pickle.dumps(kind("what", "do")))  # noqa: S301
    assert (type(error), error.message, error.hint) == (kind, "what", "do")
    assert kind.exit_code in {2, 3, 4, 5, 6}
