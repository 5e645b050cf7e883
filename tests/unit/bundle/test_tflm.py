"""What microcontrollers get: a C array that a compiler turns back into the model."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from edgekit.bundle.read import open_bundle
from edgekit.bundle.tflm import arena_header, method, op_resolver, operators, pack_tflm
from edgekit.bundle.write import write_bundle
from edgekit.core.extras import installed
from edgekit.graph.codec import read
from edgekit.runtime.tflm import TflmRun
from tests.tools import tool
from tests.unit.bundle.content import INTEGER, content, pack_job


def test_a_microcontrollers_bundle_has_the_array(tmp_path: Path) -> None:
    write_bundle(tmp_path / "b", replace(content("mcu"), files=pack_tflm(pack_job()).files))
    bundle = open_bundle(tmp_path / "b")
    names = [entry.path for entry in bundle.manifest.files if entry.path.startswith("tflm/")]
    assert names == [f"tflm/{name}" for name in ("arena.h", "main.cc", "model.c", "model.h", "op_resolver.h")]
    assert (tmp_path / "b" / "tflm" / "model.c").read_bytes() == bundle.files["tflm/model.c"]


def test_the_array_compiles_to_the_models_bytes(tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    if not compiler:
        pytest.skip("no C compiler here")
    for path, data in pack_tflm(pack_job()).files.items():
        (tmp_path / Path(path).name).write_bytes(data)
    flags = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-shared", "-fPIC"]
    subprocess.run([compiler, *flags, "model.c", "-o", "model.so"], cwd=tmp_path, check=True, timeout=60)
    array = (ctypes.c_ubyte * len(INTEGER)).in_dll(ctypes.CDLL(str(tmp_path / "model.so")), "edgekit_model")
    assert bytes(array) == INTEGER
    assert ctypes.addressof(array) % 16 == 0


def test_the_operators_are_listed_once() -> None:
    assert operators(read(INTEGER)) == ("FULLY_CONNECTED",)
    text = op_resolver(("ADD", "CONV_2D"))
    assert "kEdgekitOpCount = 2;" in text
    assert text.index("resolver.AddAdd();") < text.index("resolver.AddConv2D();")


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("CONV_2D", "AddConv2D"),
        ("MAX_POOL_2D", "AddMaxPool2D"),
        ("BATCH_TO_SPACE_ND", "AddBatchToSpaceNd"),
        ("RELU6", "AddRelu6"),
        ("L2_NORMALIZATION", "AddL2Normalization"),
        ("SELECT_V2", "AddSelectV2"),
        ("SPLIT_V", "AddSplitV"),
        ("BATCH_MATMUL", "AddBatchMatMul"),
        ("CUMSUM", "AddCumSum"),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", "AddUnidirectionalSequenceLSTM"),
    ],
)
def test_the_resolvers_methods(kind: str, name: str) -> None:
    assert method(kind) == name


# The declarations that main.cc uses, as tflite-micro has them: micro_interpreter.h, micro_mutable_op_resolver.h,
# system_setup.h, and schema_generated.h and common.h of TensorFlow Lite.
DECLARATIONS = {
    "micro_interpreter.h": """
#pragma once
#include <stddef.h>
#include <stdint.h>
#define TFLITE_SCHEMA_VERSION (3)
typedef enum TfLiteStatus { kTfLiteOk = 0, kTfLiteError = 1 } TfLiteStatus;
typedef union TfLitePtrUnion { char* raw; void* data; } TfLitePtrUnion;
typedef struct TfLiteTensor { TfLitePtrUnion data; size_t bytes; } TfLiteTensor;
namespace tflite {
struct Model { uint32_t version() const; };
const Model* GetModel(const void* buf);
class MicroOpResolver {};
struct MicroResourceVariables;
struct MicroProfilerInterface;
class MicroInterpreter {
 public:
  MicroInterpreter(const Model* model, const MicroOpResolver& op_resolver, uint8_t* tensor_arena,
                   size_t tensor_arena_size, MicroResourceVariables* resource_variables = nullptr,
                   MicroProfilerInterface* profiler = nullptr, bool preserve_all_tensors = false);
  ~MicroInterpreter();
  TfLiteStatus AllocateTensors();
  TfLiteStatus Invoke();
  TfLiteTensor* input(size_t index);
  TfLiteTensor* output(size_t index);
};
}
""",
    "micro_mutable_op_resolver.h": """
#pragma once
#include "tensorflow/lite/micro/micro_interpreter.h"
namespace tflite {
template <unsigned int tOpCount>
class MicroMutableOpResolver : public MicroOpResolver {
 public:
  TfLiteStatus AddFullyConnected();
};
}
""",
    "system_setup.h": "namespace tflite { void InitializeTarget(); }\n",
}


def test_the_program_compiles_with_the_resolver_and_the_arena(tmp_path: Path) -> None:
    compiler = tool("arm-none-eabi-g++", "sudo apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi")
    micro, schema = tmp_path / "tensorflow" / "lite" / "micro", tmp_path / "tensorflow" / "lite" / "schema"
    for folder in (micro, schema):
        folder.mkdir(parents=True)
    (schema / "schema_generated.h").write_text("")
    for name, text in DECLARATIONS.items():
        (micro / name).write_text(text)
    for path, data in pack_tflm(pack_job()).files.items():
        (tmp_path / Path(path).name).write_bytes(data)
    flags = ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I", "."]
    flags += [] if installed("tflite_micro") else ["-DEDGEKIT_ARENA_BYTES=4096u"]
    done = subprocess.run([compiler, *flags, "main.cc"], cwd=tmp_path, check=False, timeout=60)
    assert done.returncode == 0


def test_without_an_arena_the_program_does_not_compile() -> None:
    assert arena_header(None).startswith("#ifndef EDGEKIT_ARENA_BYTES\n#error ")
    found = arena_header(TflmRun(4096, (), "1.0"))
    assert found.endswith("#define EDGEKIT_ARENA_BYTES 4096u\n#endif\n")
    assert "Micro (1.0)" in found
