"""The five int8 models of MLPerf Tiny as C, against LiteRT's reference kernels."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekit.codegen.call import Settings
from tests.shared_data import shared
from tests.unit.codegen.host import assert_exact

MODELS = ("pretrainedResnet_quant", "kws_ref_model", "vww_96_int8", "ad01_int8", "str_ww_ref_model")


@pytest.mark.parametrize("name", MODELS)
def test_exact(tmp_path: Path, name: str) -> None:
    model = shared(f"models/mlperf_tiny/{name}.tflite").read_bytes()
    assert_exact(model, Settings(), tmp_path, count=20)
