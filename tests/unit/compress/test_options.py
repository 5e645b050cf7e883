"""Options from plain values."""

from __future__ import annotations

import pytest

from edgekit.compress.options import describe
from edgekit.compress.quantize.options import Algorithm, Boundary, KindAlgorithm, QuantizeOptions, Scheme
from edgekit.core.errors import UsageError


def test_values_are_read_by_type() -> None:
    options = QuantizeOptions.from_mapping(
        {
            "scheme": "INT4",
            "exclude": "a, b*",
            "algorithms": {"CONV_2D": "octav"},
            "calibration": {"method": "percentile", "percentile": 99, "samples": 5},
        }
    )
    assert options.scheme is Scheme.INT4 and options.boundary is Boundary.INTEGER
    assert options.exclude == ("a", "b*")
    assert options.algorithms == (KindAlgorithm("CONV_2D", Algorithm.OCTAV),)
    assert options.calibration.percentile == 99.0 and options.calibration.limit == 5


@pytest.mark.parametrize("options", [QuantizeOptions(), QuantizeOptions(exclude=("x",), scheme=Scheme.DYNAMIC)])
def test_plain_values_give_the_options_back(options: QuantizeOptions) -> None:
    assert QuantizeOptions.from_mapping(options.to_json()) == options


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"shceme": "int8"}, "unknown option 'shceme'; did you mean scheme"),
        ({"scheme": "int7"}, "'int7' is not one of float16, dynamic, int8"),
        ({"calibration": {"sample": 3}}, "quantize.calibration: unknown option 'sample'"),
        ({"calibration": {"samples": "many"}}, "'many' is not a whole number"),
        ({"calibration": {"samples": -1}}, "must not be negative"),
        ({"calibration": 3}, "is not a table"),
        ({"calibration": {"percentile": float("nan")}}, "nan is not a number"),
        ({"calibration": {"percentile": float("inf")}}, "inf is not a number"),
        ({"exclude": 3}, "is not a list"),
    ],
)
def test_a_wrong_value_is_a_sentence(mapping: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        QuantizeOptions.from_mapping(mapping)


def test_every_option_has_a_meaning() -> None:
    rows = {row.name: row for row in describe(QuantizeOptions)}
    assert rows["scheme"].values == "float16 | dynamic | int8 | int16x8 | int4" and rows["scheme"].default == "int8"
    assert "calibration.samples" in rows and all(row.meaning for row in rows.values())
