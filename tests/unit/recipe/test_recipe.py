"""Recipes are read strictly, and settings go over them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekit.core.errors import EdgekitError, UsageError
from edgekit.recipe import load_recipe, preset_names, with_settings


def test_presets_load_and_say_what_they_do() -> None:
    assert {"float32", "float16", "dynamic", "int8", "int16x8", "int4"} <= set(preset_names())
    for name in preset_names():
        recipe = load_recipe(name)
        assert recipe.name == name
        assert recipe.title


def test_a_setting_goes_over_the_recipe() -> None:
    recipe = with_settings(
        load_recipe("int8"), ["quantize.boundary=float", "quantize.algorithm.CONV_2D=octav", "quantize.samples=7"]
    )
    assert recipe.to_json()["steps"] == [
        {"use": "quantize", "scheme": "int8", "boundary": "float", "calibration": {"method": "output"},
         "algorithm": {"CONV_2D": "octav"}, "samples": 7},
        {"use": "repair"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("scheme=int8", "is not a setting"),
        ("quantize.scheme", "is not a setting"),
        ("prune.macs=1", "has no step 'prune'"),
        ("quantize.scheme.x=1", "is a single value"),
    ],
)
def test_a_wrong_setting_is_refused(setting: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        with_settings(load_recipe("int8"), [setting])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "schema is None"),
        ("schema = 2", "reads schema = 1"),
        ("schema = 1\nstpe = 3", "unknown key 'stpe'"),
        ("schema = 1\nstep = 3", "not a list of tables"),
        ("schema = 1\n[[step]]\nscheme = 'int8'", "does not say which one"),
        ("schema = ", "is not a recipe"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(UsageError, match=message):
        load_recipe(str(tmp_path / "r.toml"))


@pytest.mark.parametrize("name", ["int9", "missing.toml"])
def test_a_missing_recipe_is_refused(name: str) -> None:
    with pytest.raises(EdgekitError, match=name):
        load_recipe(name)
