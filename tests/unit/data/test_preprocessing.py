"""Each operation against the definition in its docstring, and against Pillow and real features where there are any."""

from __future__ import annotations

import io

import numpy as np
import pytest

from edgekit.core.errors import DatasetError
from edgekit.data.array_spec import ArraySpec
from edgekit.data.columns import decode_image
from edgekit.data.npz import ArrayFile
from edgekit.data.preprocessing import OPERATIONS, Preprocessing
from tests.shared_data import shared

MEL = {"rate": 8000, "frame": 320, "hop": 160, "fft": 512, "mels": 40, "low_hz": 20, "high_hz": 4000}
EXAMPLES = [
    {"op": "resize", "height": 5, "width": 7},
    {"op": "resize-short", "size": 6, "method": "bicubic"},
    {"op": "center-crop", "height": 4, "width": 2},
    {"op": "channels", "order": "gray"},
    {"op": "scale", "factor": 0.5, "offset": -1},
    {"op": "normalize", "mean": [1], "std": [2]},
    {"op": "cast", "dtype": "int8"},
    {"op": "reshape", "shape": [1, 210]},
    {"op": "transpose", "axes": [2, 0, 1]},
    {"op": "fit-length", "length": 900},
    {"op": "log-mel", **MEL},
    {"op": "mfcc", **MEL, "coefficients": 10},
    {"op": "tokens", "words": ["[PAD]", "[UNK]", "good"], "length": 4},
]
RANDOM = np.random.default_rng(3)
IMAGE = RANDOM.integers(0, 256, (10, 7, 3), np.uint8)
WAVE = RANDOM.integers(-999, 999, 1000, np.int16)


def _raw(op: str) -> np.ndarray:
    if op == "tokens":
        return np.array("good\tgrief  good")
    return WAVE if op in ("fit-length", "log-mel", "mfcc") else IMAGE


def test_every_operation_has_an_example() -> None:
    assert [example["op"] for example in EXAMPLES] == list(OPERATIONS)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e["op"])
def test_result_says_what_apply_gives_and_json_survives(example: dict) -> None:
    preprocessing = Preprocessing.from_json([example])
    raw = _raw(example["op"])
    before = raw.copy()
    value = preprocessing.apply(raw)
    spec = preprocessing.result(ArraySpec(raw.shape, "str" if raw.dtype.kind == "U" else raw.dtype.name))
    assert spec == ArraySpec(value.shape, value.dtype.name)
    assert np.array_equal(raw, before)
    assert Preprocessing.from_json(preprocessing.to_json()) == preprocessing
    assert np.array_equal(Preprocessing.from_json(preprocessing.to_json()).apply(raw), value)


@pytest.mark.parametrize("method", ["bilinear", "bicubic", "nearest"])
@pytest.mark.parametrize("size", [(10, 7), (5, 3), (23, 31), (1, 1), (10, 40), (9, 8)])
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_resize_is_pillows_bit_for_bit(method: str, size: tuple[int, int], kind: type) -> None:
    pil = pytest.importorskip("PIL.Image")
    image = IMAGE.astype(kind)
    apply = Preprocessing.from_json([{"op": "resize", "height": size[0], "width": size[1], "method": method}]).apply
    filters = {"bilinear": pil.BILINEAR, "bicubic": pil.BICUBIC, "nearest": pil.NEAREST}
    # Pillow chooses the order of the axes by cost, and not the same in all versions: here one axis at a time.
    wide = [pil.fromarray(image[..., c]).resize((size[1], 10), filters[method]) for c in range(3)]
    planes = [plane.resize((size[1], size[0]), filters[method]) for plane in wide]
    assert np.array_equal(apply(image), np.stack([np.asarray(plane) for plane in planes], -1))


def test_resize_without_antialias_takes_two_pixels() -> None:
    ramp = np.arange(8, dtype=np.float32).reshape(1, 8, 1)
    table = {"op": "resize", "height": 1, "width": 2, "antialias": False}
    assert Preprocessing.from_json([table]).apply(ramp).ravel().tolist() == [1.5, 5.5]  # centres at 2.0 and 6.0


def test_gray_is_pillows() -> None:
    pil = pytest.importorskip("PIL.Image")
    gray = Preprocessing.from_json([{"op": "channels", "order": "gray"}]).apply(IMAGE)
    assert np.array_equal(gray[..., 0], np.asarray(pil.fromarray(IMAGE).convert("L")))


def test_bgr_and_crop() -> None:
    both = [{"op": "center-crop", "height": 3, "width": 4}, {"op": "channels", "order": "bgr"}]
    assert np.array_equal(Preprocessing.from_json(both).apply(IMAGE), IMAGE[3:6, 1:5, ::-1])


def test_resize_short_keeps_the_aspect_ratio() -> None:
    assert Preprocessing.from_json([{"op": "resize-short", "size": 14}]).apply(IMAGE).shape == (20, 14, 3)


@pytest.mark.parametrize(("dtype", "expected"), [("int8", [-128, -2, 0, 2, 127]), ("uint8", [0, 0, 0, 2, 255])])
def test_cast_rounds_half_to_even_and_clamps(dtype: str, expected: list[int]) -> None:
    values = np.array([-300, -1.5, 0.5, 1.5, 300], np.float32)
    assert Preprocessing.from_json([{"op": "cast", "dtype": dtype}]).apply(values).tolist() == expected


def test_fit_length_cuts_and_fills() -> None:
    fit = Preprocessing.from_json([{"op": "fit-length", "length": 3}])
    assert fit.apply(np.arange(5, dtype=np.int16)).tolist() == [0, 1, 2]
    assert fit.apply(np.ones(1, np.int16)).tolist() == [1, 0, 0]


def test_tokens_split_at_white_space_and_cut() -> None:
    words = ["[PAD]", "[UNK]", "a", "good"]
    tokens = Preprocessing.from_json([{"op": "tokens", "words": words, "length": 4, "lower": True}])
    assert tokens.apply(np.array(" A\tgood\u00a0x  film")).tolist() == [2, 1, 1, 0]
    assert tokens.apply(np.array("a a a a a")).tolist() == [2, 2, 2, 2]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"op": "sharpen"}, "unknown operation 'sharpen'"),
        ({"op": "scale"}, "lacks the key 'factor'"),
        ({"op": "scale", "factor": "2"}, "factor must be a number, not '2'"),
        ({"op": "scale", "factor": True}, "factor must be a number"),
        ({"op": "scale", "factor": float("nan")}, "not a finite number"),
        ({"op": "scale", "factor": 1, "bias": 2}, "unknown key 'bias'"),
        ({"op": "resize", "height": 0, "width": 2}, "each side must be"),
        ({"op": "resize", "height": 2, "width": 2, "method": "cubic"}, "'cubic'"),
        ({"op": "normalize", "mean": [1, 2], "std": [1]}, "2 means and 1 standard"),
        ({"op": "normalize", "mean": [1], "std": [0]}, "must be above 0"),
        ({"op": "normalize", "mean": 1, "std": [0]}, "mean must be a list"),
        ({"op": "reshape", "shape": [-1, 2]}, "at least 1"),
        ({"op": "mfcc", **MEL, "coefficients": 41}, "41 coefficients"),
        ({"op": "log-mel", **MEL, "log_offset": 0}, "log_offset"),
        ({"op": "tokens", "words": ["a"], "length": 3}, "unknown id"),
        ({"op": "tokens", "words": ["a", "a"], "length": 3}, "twice"),
        ("scale", "must be a table"),
    ],
)
def test_a_wrong_declaration_is_one_clear_sentence(table: object, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        Preprocessing.from_json([table])


@pytest.mark.parametrize(
    ("table", "spec"),
    [
        ({"op": "resize", "height": 2, "width": 2}, ArraySpec((3,), "uint8")),
        ({"op": "center-crop", "height": 9, "width": 2}, ArraySpec((8, 8, 3), "uint8")),
        ({"op": "channels", "order": "bgr"}, ArraySpec((8, 8, 1), "uint8")),
        ({"op": "normalize", "mean": [1, 2], "std": [1, 1]}, ArraySpec((8, 8, 3), "uint8")),
        ({"op": "reshape", "shape": [5]}, ArraySpec((8, 8), "uint8")),
        ({"op": "transpose", "axes": [0, 0]}, ArraySpec((8, 8), "uint8")),
        ({"op": "log-mel", **MEL}, ArraySpec((100,), "int16")),
        ({"op": "fit-length", "length": 4}, ArraySpec((10, 2), "int16")),
        ({"op": "tokens", "words": ["a", "b"], "length": 3}, ArraySpec((8,), "int32")),
        ({"op": "scale", "factor": 1}, ArraySpec((), "str")),
    ],
)
def test_an_operation_refuses_what_it_cannot_take(table: dict, spec: ArraySpec) -> None:
    with pytest.raises(DatasetError, match=str(table["op"])):
        Preprocessing.from_json([table]).result(spec)


def test_log_mel_of_a_tone_peaks_at_its_filter() -> None:
    tone = (np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000)).astype(np.float32)
    rows = Preprocessing.from_json([{"op": "log-mel", **MEL}]).apply(tone)
    mel = 2595 * np.log10(1 + np.array([20, 1000, 4000]) / 700)
    expected = (mel[1] - mel[0]) / (mel[2] - mel[0]) * 41 - 1
    assert rows.shape == (49, 40)
    assert np.abs(rows.argmax(axis=1) - expected).max() <= 1  # a filter is a triangle over three points


def test_mfcc_is_that_of_the_shared_features() -> None:
    audio, features = (ArrayFile(shared(f"speech/fsdd_{n}.npz")) for n in ("int16_idx0-14", "mfcc49x10_idx0-44"))
    tables = [
        {"op": "fit-length", "length": 8000},
        {"op": "scale", "factor": 1 / 32768},
        {"op": "mfcc", **MEL, "coefficients": 10},
        {"op": "normalize", "mean": features.read("mean").tolist(), "std": features.read("std").tolist()},
        {"op": "reshape", "shape": [49, 10, 1]},
    ]
    preprocessing = Preprocessing.from_json(tables)
    ids = [zip(*(f.read(k).tolist() for k in ("speaker", "index", n)), strict=True) for f, n in
           ((audio, "labels"), (features, "y"))]  # fmt: skip
    where = {key: row for row, key in enumerate(ids[1])}
    offsets, differing = audio.read("offsets"), 0
    for row, key in list(enumerate(ids[0]))[::30]:
        ours = preprocessing.apply(audio.read("audio")[offsets[row] : offsets[row + 1]])
        stored = features.read("x")[where[key]]
        # Half a unit in the last place of float16 is 2^-11 relative; where ours lies between two, either may be stored.
        assert np.allclose(ours, stored.astype(np.float32), rtol=2**-11 + 1e-5, atol=2e-6)
        differing += int((ours.astype(np.float16) != stored).sum())
    assert differing <= 5  # of 14,700


@pytest.mark.parametrize("part", ["dev", "test"])
def test_token_ids_are_those_of_the_shared_ids(part: str) -> None:
    words = shared("text/sst2_vocab.txt").read_text().splitlines()
    tokens = Preprocessing.from_json([{"op": "tokens", "words": words, "length": 48}])
    lines = shared(f"text/sst2_{part}.tsv").read_text().splitlines()
    ids = ArrayFile(shared("text/sst2_token_ids.npz")).read(f"{part}_x")
    ours = np.stack([tokens.apply(np.array(line.split("\t")[0])) for line in lines])
    assert np.array_equal(ours, ids)


def test_decoding_is_pillows_rgb() -> None:
    pil = pytest.importorskip("PIL.Image")
    stream = io.BytesIO()
    pil.fromarray(IMAGE[..., 0]).save(stream, "PNG")
    assert np.array_equal(decode_image(stream.getvalue(), "x"), np.repeat(IMAGE[..., :1], 3, axis=2))
