"""Datasets of every kind, opened, read and refused."""

from __future__ import annotations

import hashlib
import json
import re
import tracemalloc
import wave
from pathlib import Path

import numpy as np
import pytest

from edgekit.core.errors import DatasetError
from edgekit.core.resources import data_folder
from edgekit.data.dataset import Dataset, open_dataset
from edgekit.data.npz import pack_npz
from tests.shared_data import shared

INPUT = '[[input]]\nname = "image"\nfile = "d.npz"\narray = "x"\n'


def describe(folder: Path, text: str, **arrays: np.ndarray) -> Path:
    """A dataset folder with dataset.toml (schema added) and d.npz."""
    folder.mkdir(exist_ok=True)
    (folder / "dataset.toml").write_text("schema = 1\n" + text)
    if arrays:
        (folder / "d.npz").write_bytes(pack_npz(arrays))
    return folder


def write_wav(path: Path, samples: np.ndarray, rate: int = 8000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1 if samples.ndim == 1 else 2, samples.dtype.itemsize, rate, 0, "NONE", ""))
        file.writeframes(samples.tobytes())


def write_image(path: Path, image: np.ndarray) -> None:
    pil = pytest.importorskip("PIL.Image")
    path.parent.mkdir(parents=True, exist_ok=True)
    pil.fromarray(image).save(path)


def values(dataset: Dataset, name: str) -> list[list]:
    return [sample.inputs[name].tolist() for sample in dataset.samples()]


def test_npz_with_x_and_y(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.arange(6).reshape(3, 2), y=[0, 2, 1], class_names=["a", "b", "c"])
    dataset = open_dataset(tmp_path / "d.npz")
    assert (dataset.name, dataset.count, dataset.metric, dataset.has_labels) == ("d", 3, "top1", True)
    assert dataset.labels == ("a", "b", "c")
    assert values(dataset, "x") == [[0, 1], [2, 3], [4, 5]]
    assert [sample.label for sample in dataset.samples()] == [0, 2, 1]


def test_npz_with_several_inputs_and_no_labels(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "d.npz", left=np.zeros((3, 2), np.float32), right=np.ones((3, 4), np.int32))
    dataset = open_dataset(tmp_path / "d.npz")
    assert [(spec.name, spec.shape, spec.dtype) for spec in dataset.inputs] == [
        ("left", (2,), "float32"),
        ("right", (4,), "int32"),
    ]
    assert dataset.metric is None
    assert next(dataset.samples()).label is None


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_come_back_whatever_their_packing(tmp_path: Path, save, order: str) -> None:
    x = np.asarray(np.arange(60, dtype=np.float32).reshape(5, 3, 4), order=order)
    save(tmp_path / "d.npz", x=x)
    assert values(open_dataset(tmp_path / "d.npz"), "x") == x.tolist()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_memory_does_not_grow_with_the_samples(tmp_path: Path, save) -> None:
    save(tmp_path / "d.npz", x=np.zeros((4000, 64, 64), np.float32))  # 65 MB
    tracemalloc.start()
    total = sum(sample.inputs["x"].size for sample in open_dataset(tmp_path / "d.npz").samples())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 4000 * 64 * 64
    assert peak < 16 << 20


def test_npy_and_tsv(tmp_path: Path) -> None:
    np.save(tmp_path / "d.npy", np.eye(2))
    (tmp_path / "n.tsv").write_text("1.5\t2\t0\n3\t4\t1\n")
    (tmp_path / "ids.tsv").write_text("7 8 9\tgood\r\n1 2 3\tbad\r\n")
    assert values(open_dataset(tmp_path / "d.npy"), "x") == [[1, 0], [0, 1]]
    assert values(open_dataset(tmp_path / "n.tsv"), "x") == [[1.5, 2], [3, 4]]
    ids = open_dataset(tmp_path / "ids.tsv")
    assert (values(ids, "x"), ids.inputs[0].dtype, ids.labels) == ([[7, 8, 9], [1, 2, 3]], "int32", ("bad", "good"))
    assert [sample.label for sample in ids.samples()] == [1, 0]


def test_image_folders(tmp_path: Path) -> None:
    image = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    for name in ("cat/b.png", "cat/a.png", "ant/c.png"):
        write_image(tmp_path / "labelled" / name, image + len(name))
    write_image(tmp_path / "flat" / "a.png", image)
    dataset = open_dataset(tmp_path / "labelled")
    assert (dataset.labels, dataset.count) == (("ant", "cat"), 3)
    assert [sample.label for sample in dataset.samples()] == [0, 1, 1]
    flat = open_dataset(tmp_path / "flat")
    assert (flat.has_labels, values(flat, "image")) == (False, [image.tolist()])


def test_wav_folders(tmp_path: Path) -> None:
    write_wav(tmp_path / "no" / "a.wav", np.array([1, -2, 3], np.int16))
    write_wav(tmp_path / "yes" / "b.wav", np.array([[1, 4], [-3, -4]], np.int16))
    dataset = open_dataset(tmp_path)
    assert (values(dataset, "audio"), dataset.labels) == ([[1, -2, 3], [2, -4]], ("no", "yes"))


def test_described_text_and_numbers(tmp_path: Path) -> None:
    text = """
        [[input]]
        name = "ids"
        file = "d.tsv"
        column = 0
        preprocessing = [{ op = "tokens", vocabulary = "words.txt", length = 3 }]
        [[input]]
        name = "size"
        file = "d.tsv"
        columns = [1]
        [label]
        column = 2
        names = ["bad", "good"]
    """
    (describe(tmp_path, text) / "d.tsv").write_text("a good film\t1\tgood\na bad one\t2\tbad\n")
    (tmp_path / "words.txt").write_text("[PAD]\n[UNK]\na\ngood\n")
    dataset = open_dataset(tmp_path)
    assert values(dataset, "ids") == [[2, 3, 1], [2, 1, 1]]
    assert values(dataset, "size") == [[1], [2]]
    assert [sample.label for sample in dataset.samples()] == [1, 0]


def test_described_ragged_audio_and_selection(tmp_path: Path) -> None:
    text = """
        [[input]]
        name = "audio"
        file = "d.npz"
        array = "samples"
        offsets = "offsets"
        rate = 8000
        preprocessing = [{ op = "fit-length", length = 3 }]
        [label]
        array = "y"
        [select]
        array = "part"
        equals = "test"
        range = [1, 3]
    """
    arrays = {"samples": np.arange(10, dtype=np.int16), "offsets": np.array([0, 4, 6, 9, 10]), "y": np.arange(4)}
    dataset = open_dataset(describe(tmp_path, text, **arrays, part=np.array(["test", "train", "test", "test"])))
    assert values(dataset, "audio") == [[6, 7, 8], [9, 0, 0]]
    assert [sample.label for sample in dataset.samples()] == [2, 3]


@pytest.mark.parametrize(
    ("select", "rows"),
    [
        ('array = "mask"', [1, 2]),
        ('array = "mask"\nequals = false', [0, 3]),
        ('array = "positions"', [3, 0]),
        ('array = "names"\nstarts_with = "val"', [0, 2]),
        ("range = [1, 3]", [1, 2]),
    ],
)
def test_selections(tmp_path: Path, select: str, rows: list[int]) -> None:
    arrays = {"mask": np.array([0, 1, 1, 0], bool), "positions": np.array([3, 0]), "x": np.arange(4)}
    names = np.array(["val1", "train1", "val2", "v"])
    assert (
        values(open_dataset(describe(tmp_path, f"{INPUT}[select]\n{select}", names=names, **arrays)), "image") == rows
    )


def test_limit_and_order_never_change(tmp_path: Path) -> None:
    dataset = open_dataset(describe(tmp_path, INPUT, x=np.arange(100)))
    assert [int(s.inputs["image"]) for s in dataset.samples(4)] == [15, 30, 71, 86]
    assert len(list(dataset.samples(1000))) == 100


def test_digest_knows_content_and_preprocessing_but_not_the_place(tmp_path: Path) -> None:
    scale = '[[input.preprocessing]]\nop = "scale"\nfactor = {}\n'
    x = np.arange(8, dtype=np.uint8).reshape(4, 2)
    datasets = [
        describe(tmp_path / "a", INPUT + scale.format(0.5), x=x),
        describe(tmp_path / "b", INPUT + scale.format(0.5), x=x),
        describe(tmp_path / "c", INPUT + scale.format(0.25), x=x),
        describe(tmp_path / "d", INPUT + scale.format(0.5), x=x + 1),
        describe(tmp_path / "e", INPUT + scale.format(0.5) + "[select]\nrange = [0, 2]", x=x),
    ]
    digests = [open_dataset(path).digest for path in datasets]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 4


def test_digest_knows_which_class_folder_a_file_is_in(tmp_path: Path) -> None:
    for folder, second in (("a", "x"), ("b", "y")):
        for number, name in enumerate(("x", second, "y")):
            write_wav(tmp_path / folder / name / f"{number}.wav", np.full(9, number, np.int16))
    a, b = (open_dataset(tmp_path / folder) for folder in "ab")
    assert values(a, "audio") == values(b, "audio")
    assert a.digest != b.digest


def test_inputs_are_json(tmp_path: Path) -> None:
    dataset = open_dataset(describe(tmp_path, INPUT, x=np.zeros((2, 3), np.uint8)))
    expected = {"name": "image", "shape": [3], "dtype": "uint8", "preprocessing": []}
    table = json.loads(json.dumps(dataset.inputs[0].to_json()))
    assert table == {**expected, "raw": {"shape": [3], "dtype": "uint8"}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"has no \[\[input\]\]"),
        ("colour = 1\n" + INPUT, r"dataset\.toml has an unknown key 'colour'"),
        (INPUT + 'colour = "red"', r"dataset\.toml: input\[0\] has an unknown key 'colour'"),
        (INPUT + '[label]\nkey = "y"', r"label has an unknown key 'key'"),
        (INPUT + '[select]\nkey = "y"', r"select has an unknown key 'key'"),
        (INPUT + 'preprocessing = [{ op = "scale", factor = 1, mean = 2 }]', "unknown key 'mean'"),
        (INPUT + 'preprocessing = "scale"', "preprocessing must be a list"),
        (INPUT + 'preprocessing = [{ op = "fit-length", length = 1 }]', "fit-length gets uint8 2x2"),
        (INPUT.replace("d.npz", "../d.npz"), r"'\.\./d\.npz' leaves the dataset's folder"),
        (INPUT.replace("d.npz", "/etc/d.npz"), "leaves the dataset's folder"),
        (INPUT.replace("d.npz", "e.npz"), "there is no .*e.npz"),
        (INPUT.replace('"x"', '"z"'), "has no array 'z'"),
        (INPUT.replace('array = "x"', ""), "must have exactly one of"),
        (INPUT + "column = 1", "must have exactly one of"),
        (INPUT + INPUT, "a name of its own"),
        (
            INPUT.replace('"x"', '"y"') + INPUT.replace("image", "b"),
            "different numbers of samples: image has 2, b has 3",
        ),
        (INPUT + '[label]\narray = "y"', "has 3 samples but 2 labels"),
        (INPUT + '[label]\narray = "c"\nnames = ["a"]', "go from 0 to 2, but 1 classes"),
        (INPUT + '[label]\narray = "nan"', "not finite numbers"),
        (INPUT + "[label]\n", "must have array or column"),
        ('metric = "top1"\n' + INPUT, "declares the metric 'top1' but has no labels"),
        ('metric = "best"\n' + INPUT + '[label]\narray = "c"', "unknown metric 'best'"),
        (INPUT + "[select]\nrange = [2, 9]", "range must be"),
        (INPUT + '[select]\narray = "y"', "must be a mask, or positions from 0 to 2"),
        (INPUT + '[select]\narray = "c"\nequals = 7', "has no samples"),
        (INPUT.replace('"x"', '"empty"'), "has no samples"),
        (INPUT + 'offsets = "y"', "do not rise"),
        (INPUT.replace("array", "jpeg"), "jpeg needs offsets"),
        ("name = 5\n" + INPUT, "name must be a text"),
        ("[input", "cannot be read"),
    ],
)
def test_a_wrong_description_is_one_clear_sentence(tmp_path: Path, text: str, message: str) -> None:
    arrays = {"x": np.zeros((3, 2, 2), np.uint8), "y": np.array([9, 0]), "c": np.arange(3), "nan": np.full(3, np.nan)}
    describe(tmp_path, text, **arrays, empty=np.zeros((0, 2)))
    with pytest.raises(DatasetError, match=message) as caught:
        open_dataset(tmp_path)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("text", ["", "schema = 2\n"])
def test_the_schema_is_asked_for(tmp_path: Path, text: str) -> None:
    (tmp_path / "dataset.toml").write_text(text)
    with pytest.raises(DatasetError, match="must say schema = 1"):
        open_dataset(tmp_path)


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.array([{"a": 1}], object))
    np.save(tmp_path / "d.npy", np.array([{"a": 1}], object))
    for name in ("d.npz", "d.npy"):
        with pytest.raises(DatasetError, match="pickles are never loaded"):
            open_dataset(tmp_path / name)


def test_damaged_arrays_are_dataset_errors(tmp_path: Path) -> None:
    whole = pack_npz({"x": np.arange(3000, dtype=np.float32)})
    random = np.random.default_rng(0)
    path = tmp_path / "d.npz"
    refused = 0
    for _ in range(300):
        damaged = bytearray(whole)
        for at in random.integers(0, len(whole), 3):
            damaged[at] ^= 1 << int(random.integers(8))
        path.write_bytes(bytes(damaged[: random.integers(1, len(whole) + 1)]))
        try:
            list(open_dataset(path).samples(3))
        except DatasetError as error:
            refused += 1
            assert "\n" not in error.message
    assert refused > 250


def test_damaged_images_and_wavs_name_the_file(tmp_path: Path) -> None:
    write_image(tmp_path / "i" / "a.png", np.zeros((9, 9, 3), np.uint8))
    whole = (tmp_path / "i" / "a.png").read_bytes()
    for content in (b"", b"text", whole[:40], whole[:-30]):
        (tmp_path / "i" / "a.png").write_bytes(content)
        with pytest.raises(DatasetError, match=r"image .*a\.png cannot be read") as caught:
            list(open_dataset(tmp_path / "i").samples())
        assert "BytesIO" not in str(caught.value)
    write_wav(tmp_path / "w" / "a.wav", np.arange(100, dtype=np.int16))
    whole = (tmp_path / "w" / "a.wav").read_bytes()
    for content in (b"", b"RIFFtext", whole[:30], whole[:-20]):
        (tmp_path / "w" / "a.wav").write_bytes(content)
        with pytest.raises(DatasetError, match=r"wav file .*a\.wav"):
            list(open_dataset(tmp_path / "w").samples())


def test_wavs_of_another_kind_or_rate(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", np.zeros(9, np.int32))
    with pytest.raises(DatasetError, match="32 bit"):
        open_dataset(tmp_path)
    write_wav(tmp_path / "a.wav", np.zeros(9, np.int16), 8000)
    write_wav(tmp_path / "b.wav", np.zeros(9, np.int16), 16000)
    with pytest.raises(DatasetError, match=r"b\.wav has 16000 samples a second, not 8000"):
        list(open_dataset(tmp_path).samples())
    mel = 'op = "log-mel", rate = 16000, frame = 4, hop = 2, fft = 4, mels = 1, low_hz = 1, high_hz = 9'
    folder = f'[[input]]\nname = "a"\nfolder = "."\npreprocessing = [{{ {mel} }}]'
    with pytest.raises(DatasetError, match="has 8000 samples a second, its log-mel wants 16000"):
        open_dataset(describe(tmp_path, folder))


def test_what_is_no_dataset(tmp_path: Path) -> None:
    (tmp_path / "d.tsv").write_text("a film\t1\n")
    (tmp_path / "ragged.tsv").write_text("1\t1\n2\n")
    (tmp_path / "d.csv").write_text("1")
    (tmp_path / "empty").mkdir()
    expected = {
        "nothing": "there is no dataset",
        "d.csv": "is not a dataset",
        "empty": "holds no images and no wavs",
        "d.tsv": "line 1: 'a film' is not a number",
        "ragged.tsv": "line 2 has 1 columns",
    }
    for name, message in expected.items():
        with pytest.raises(DatasetError, match=message):
            open_dataset(tmp_path / name)


def test_calibration_data_is_what_its_readme_says() -> None:
    folder = data_folder("calibration_data")
    rows = re.findall(r"^\| (\S+) \| (\d+) \| `([0-9a-f]{64})` \|$", (folder / "README.md").read_text(), re.M)
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "README.md")
    assert [name for name, _, _ in rows] == [p.relative_to(folder).as_posix() for p in files]
    for path, (_, size, digest) in zip(files, rows, strict=True):
        assert (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest()) == (int(size), digest)


def test_calibration_and_evaluation_share_no_sample() -> None:
    folder = data_folder("calibration_data")
    for name, counts in (("digits", (200, 600)), ("wine", (118, 60))):
        parts = [open_dataset(folder / part) for part in (name, f"{name}-test")]
        seen = [{next(iter(s.inputs.values())).tobytes() for s in part.samples()} for part in parts]
        assert (parts[0].count, parts[1].count) == counts
        assert [part.has_labels for part in parts] == [False, True]
        assert not seen[0] & seen[1]


def test_packed_jpegs_of_the_shared_data(tmp_path: Path) -> None:
    pytest.importorskip("PIL.Image")
    (tmp_path / "d.npz").symlink_to(shared("cifar10/cifar10_jpeg.npz"))
    text = '[[input]]\nname = "image"\nfile = "d.npz"\njpeg = "test_jpeg"\noffsets = "test_offsets"\n'
    label = '[label]\narray = "test_labels"\nnames_array = "class_names"\n[select]\nrange = [0, 300]\n'
    dataset = open_dataset(describe(tmp_path, text + label))
    small = np.load(shared("cifar10/cifar10_small_uint8.npz"))
    assert np.array_equal(np.stack([s.inputs["image"] for s in dataset.samples()]), small["test_x"])
    assert [s.label for s in dataset.samples()] == small["test_y"].tolist()
