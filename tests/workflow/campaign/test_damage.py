"""Damaged inputs and records: each is a named error, or what it was before; none becomes a number."""

import json
import os
import pickle
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from hsokv.analysis.statistics import compute
from hsokv.archive import check
from hsokv.archive.artifact import pack_artifact
from hsokv.archive.tarball import pack, unpack
from hsokv.data.cifar10 import META, TEST, TRAIN, read_cifar10
from hsokv.data.images import read_image_folder
from hsokv.data.texts import TASKS, read_texts
from hsokv.encoders.files import EncoderSource, resolve_encoder
from hsokv.exceptions import ArchiveError, DataError, EncoderError, HsokvError, ModelError, RecordError
from hsokv.files import checksum, read_json
from hsokv.hub import HSOKVForSequenceClassification
from hsokv.records import read_records, records_path, write_lines, write_sealed
from hsokv.study.features import done, load_episode, write_features
from tests.analysis import study as made_up
from tests.analysis.example_scaling import measured, projected
from tests.hub.conftest import build as build_model
from tests.made_study import make
from tests.runs import write_runs

Read = Callable[[], Any]
BITS = 97  # so many bits of a file are flipped, one at a time, spread evenly over it


class Loaded(NamedTuple):
    """A file that is whole, and what reads it as the study does."""

    path: Path
    read: Read


def records(folder: Path) -> Loaded:
    """Two lines; most damages are of the first."""
    path = records_path("sst2", "full", folder / "records")
    write_lines(path, [made_up.record("sst2", "shots16", "full", seed) for seed in (13, 21)])
    return Loaded(path, lambda: read_records(path))


def features(folder: Path) -> Loaded:
    draws = np.random.default_rng(0)
    arrays = {
        f"{part}/{name}": draws.normal(size=(8, 3)).astype(np.float32) if name == "x" else np.arange(8) % 2
        for part in ("a/train", "a/dev", "test")
        for name in ("x", "y")
    }
    path = folder / "seed1.npz"
    write_features(path, done("stamp", 2, True, {"name": "d"}, {}), arrays)

    def read() -> list:
        episode = load_episode(folder, 1, "a", 2, 2)
        return [part.tolist() for part in (*episode.train, *episode.test)]

    return Loaded(path, read)


def texts(folder: Path) -> Loaded:
    path = folder / "train.tsv"
    path.write_text("sentence\tlabel\nfine\t1\ndull\t0\n")
    return Loaded(path, lambda: read_texts(path, path, TASKS["sst2"])[0].inputs)


def batch(folder: Path) -> Loaded:
    """The third of the train batches of a small CIFAR-10."""
    for seed, name in enumerate((*TRAIN, TEST)):
        data = np.random.default_rng(seed).integers(256, size=(10, 3072)).astype(np.uint8)
        (folder / name).write_bytes(pickle.dumps({b"data": data, b"labels": list(range(10))}))
    (folder / META).write_bytes(pickle.dumps({b"label_names": [f"class{i}".encode() for i in range(10)]}))
    paths = {name: folder / name for name in (*TRAIN, TEST, META)}
    return Loaded(paths[TRAIN[2]], lambda: read_cifar10(paths)[0].labels.tolist())


def images(folder: Path) -> Loaded:
    for place, (split, name) in enumerate((split, name) for split in ("train", "test") for name in ("ant", "cat")):
        (folder / split / name).mkdir(parents=True)
        pixels = np.random.default_rng(place).integers(256, size=(32, 32, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / split / name / "0.png")
    return Loaded(folder / "train/cat/0.png", lambda: read_image_folder(folder)[0].inputs.tolist())


def encoder(folder: Path) -> Loaded:
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": {"a": 0}}}))
    path = folder / "model.safetensors"
    path.write_bytes(b"weights" * 20)
    source = EncoderSource(folder=str(folder), sha256={"model.safetensors": checksum(path)})
    return Loaded(path, lambda: resolve_encoder(source).sha256["model.safetensors"])


def model(folder: Path) -> Loaded:
    build_model().save_pretrained(folder / "model")
    load = HSOKVForSequenceClassification.from_pretrained
    return Loaded(folder / "model/model.safetensors", lambda: load(folder / "model").predict(["w0"]))


def archive(folder: Path) -> Loaded:
    path = folder / "a.tar.gz"
    pack(path, {"x/a": os.urandom(3000), "x/b": b"b" * 3000})

    def read() -> dict[str, bytes]:
        out = folder / f"out{len(list(folder.iterdir()))}"
        return {name: (out / name).read_bytes() for name in unpack(path, out)}

    return Loaded(path, read)


def artifact(folder: Path) -> Loaded:
    (folder / "study").mkdir()
    configuration = make(folder / "study")
    pack_artifact(folder / "study", folder / "study/results", configuration, "1.0", folder / "a.tar.gz")
    return Loaded(folder / "a.tar.gz", lambda: _verified(folder / "a.tar.gz"))


def _verified(path: Path) -> tuple[int, int]:
    with check.unpacked(path) as found:
        return found.files, found.records


def speed(folder: Path) -> Loaded:
    """What was measured of the distributed swarm, read with the records of a study."""
    asked = made_up.configuration()
    files = write_runs(made_up.records(asked), folder / "records")
    scaling = [folder / "measured.json", folder / "projected.json"]
    for path, content in zip(scaling, (measured(4, (1, 2, 4)), projected()), strict=True):
        write_sealed(path, content)

    def read() -> Any:
        compute(files, asked, folder / "statistics", scaling)
        return read_json(folder / "statistics/study.json")["scaling"]

    return Loaded(scaling[0], read)


def first_half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def nothing(content: bytes) -> bytes:
    return b""


def swapped(old: str, new: str) -> Callable[[bytes], bytes]:
    def swap(content: bytes) -> bytes:
        assert old.encode() in content
        return content.replace(old.encode(), new.encode(), 1)

    return swap


class Touches:
    """Unpickled, it makes a file: what a hostile pickle could do."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (self.path,)


def hostile(path: Path) -> None:
    path.write_bytes(pickle.dumps(Touches(str(path.parent / "touched"))))


def pickled_array(path: Path) -> None:
    with path.open("wb") as stream:
        np.savez(stream, provenance=np.array([Touches(str(path.parent / "touched"))], dtype=object))


def not_finite(path: Path) -> None:
    with np.load(path) as stored:
        arrays = dict(stored)
    arrays["a/train/x"][1, 2] = np.nan
    np.savez(path, **arrays)


def without_test(path: Path) -> None:
    with np.load(path) as stored:
        np.savez(path, **{name: stored[name] for name in stored.files if name != "test/y"})


def another_run(path: Path) -> None:
    write_lines(path, [made_up.record("sst2", "shots16", "knn", 13)])


def twice(path: Path) -> None:
    path.write_bytes(path.read_bytes() * 2)


def unsealed(path: Path) -> None:
    path.write_text(json.dumps(measured()))


def of_measured(name: str, value: str | None) -> Callable[[Path], None]:
    """One of the speeds says something else, and the checksum is that of all."""

    def change(path: Path) -> None:
        content = measured()
        content["speed"][0][name] = value
        write_sealed(path, content)

    return change


def pickles_alone(path: Path) -> None:
    path.unlink()
    hostile(path.with_name("pytorch_model.bin"))


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", twice: bool = False) -> Callable[[Path], None]:
    def put(path: Path) -> None:
        with tarfile.open(path, "w:gz") as tar:
            for _ in range(1 + twice):
                info = tarfile.TarInfo(name)
                info.type, info.linkname = kind, target
                tar.addfile(info)

    return put


def of(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(change(path.read_bytes()))


DAMAGES = [
    ("records, cut off", records, of(lambda content: content[:-20]), RecordError, "line 2: cut off"),
    ("records, empty", records, of(nothing), RecordError, "no record"),
    ("records, of the wrong type", records, of(swapped('"seed":13', '"seed":"13"')), RecordError, "line 1: .*changed"),
    ("records, with NaN", records, of(swapped('"log_loss":0.5', '"log_loss":NaN')), RecordError, "line 1: .*finite"),
    ("records, a key twice", records, of(swapped('"seed"', '"arm":"full","seed"')), RecordError, "1: .*stands twice"),
    ("records, another number", records, of(swapped('"log_loss":0.5', '"log_loss":0.4')), RecordError, "1: .*changed"),
    ("records, a line in two", records, of(swapped(',"seed"', ',\n"seed"')), RecordError, "line 1: not whole JSON"),
    ("records, the lines twice", records, twice, RecordError, "line 3: .*seed 13"),
    ("records, of another arm", records, another_run, RecordError, "line 1: .*knn"),
    ("records, a pickle", records, hostile, RecordError, "line 1: "),
    ("features, cut off", features, of(first_half), DataError, "not a whole feature file"),
    ("features, pickled objects", features, pickled_array, DataError, "not a whole feature file"),
    ("features, with NaN", features, not_finite, DataError, "not finite"),
    ("features, an array missing", features, without_test, DataError, "not a whole feature file"),
    ("texts, cut off", texts, of(lambda content: content[:-3]), DataError, "row 3"),
    ("texts, an unknown label", texts, of(swapped("dull\t0", "dull\tO")), DataError, "'O'"),
    ("texts, a column twice", texts, of(swapped("sentence\t", "label\t")), DataError, "is missing"),
    ("texts, not UTF-8", texts, of(lambda content: content.replace(b"fine", b"\xff")), DataError, "UTF-8"),
    ("batch of images, cut off", batch, of(first_half), DataError, "damaged file"),
    ("batch of images, hostile pickle", batch, hostile, DataError, r"asks for \S*mkdir"),
    ("image, cut off", images, of(first_half), DataError, "cannot be read"),
    ("encoder, cut off", encoder, of(first_half), EncoderError, "SHA-256"),
    ("model, cut off", model, of(first_half), ModelError, "SHA-256"),
    ("model, pickles alone", model, pickles_alone, ModelError, "pickles .* are not read"),
    ("archive, cut off", archive, of(first_half), ArchiveError, "wanted a whole"),
    ("archive, leads out", archive, member("../a"), ArchiveError, "do not trust it"),
    ("archive, a link", archive, member("a", tarfile.SYMTYPE, "/etc/passwd"), ArchiveError, "came a link"),
    ("archive, a device", archive, member("a", tarfile.CHRTYPE), ArchiveError, "came a link or device"),
    ("archive, a name twice", archive, member("a", twice=True), ArchiveError, "twice"),
    ("artifact, cut off", artifact, of(first_half), ArchiveError, "wanted a whole"),
    ("speed, cut off", speed, of(first_half), RecordError, "measured.json: not whole JSON"),
    ("speed, with NaN", speed, of(swapped("1000000.0", "NaN")), RecordError, "only finite"),
    ("speed, a key twice", speed, of(swapped('"speed":', '"speed": [], "speed":')), RecordError, "stands twice"),
    ("speed, another number", speed, of(swapped("1000000.0", "2000000.0")), RecordError, "measured.json.*was changed"),
    ("speed, without a checksum", speed, unsealed, RecordError, "measured.json: wanted a checksum.*delete the file"),
    ("speed, of the wrong type", speed, of_measured("throughput", "fast"), RecordError, "measured.json.*not what was"),
    ("speed, without workers", speed, of_measured("workers", None), RecordError, "measured.json.*not what was"),
]


@pytest.mark.parametrize(
    ("place", "damage", "error", "said"), [row[1:] for row in DAMAGES], ids=[row[0] for row in DAMAGES]
)
def test_damage_is_a_named_error(tmp_path, place, damage, error, said):
    path, read = place(tmp_path)
    read()  # whole, it can be read
    damage(path)
    with pytest.raises(error, match=said):
        read()
    assert not (path.parent / "touched").exists()


def flipped(content: bytes) -> Iterator[bytes]:
    for place in range(0, 8 * len(content), max(1, 8 * len(content) // BITS)):
        changed = bytearray(content)
        changed[place // 8] ^= 1 << place % 8
        yield bytes(changed)


@pytest.mark.parametrize("place", [records, features, encoder, model, archive, artifact, speed])
def test_a_flipped_bit_is_a_named_error_or_changes_nothing_that_is_read(tmp_path, place):
    path, read = place(tmp_path)
    whole, content, refused = read(), path.read_bytes(), 0
    for changed in flipped(content):
        path.write_bytes(changed)
        try:
            assert read() == whole
        except HsokvError:
            refused += 1
    assert refused > BITS / 2
