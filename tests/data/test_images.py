"""Folders of a user's own images: what is read, in every mode, and what is refused by name."""

import io
import os
import re
import shutil
import zlib

import numpy as np
import pytest
from PIL import Image

from hsokv.data.images import BACKGROUND, locate_image_folder, originals, read_image_folder
from hsokv.exceptions import DataError

GREY = (np.arange(1024).reshape(32, 32) % 256).astype(np.uint8)
DEEP = GREY.astype(np.uint16) * 257
TURNED = Image.Exif()
TURNED[0x0112] = 6  # to be turned by a quarter


def draw(seed, height=32, width=32):
    return np.random.default_rng(seed).integers(256, size=(height, width, 3)).astype(np.uint8)


def put(path, image, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(path, **options)
    return path


@pytest.fixture
def folder(tmp_path):
    """Two classes, three images of each in train and one in test."""
    for number, name in enumerate(("cat", "ant")):
        for row in range(3):
            put(tmp_path / "train" / name / f"{row}.png", draw(10 * number + row))
        put(tmp_path / "test" / name / "t.png", draw(10 * number + 9))
    return tmp_path


def read(folder):
    train, test, _ = read_image_folder(folder)
    return train, test


def of(folder, path):
    """What was read from one file, int [height, width, 3]."""
    train = read(folder)[0]
    return train.inputs[train.files.index(path)].transpose(1, 2, 0).astype(int)


def test_images_come_with_the_names_of_their_folders_and_other_names_change_nothing(folder):
    train, test = read(folder)
    assert (train.names, train.inputs.shape, test.inputs.shape) == (("ant", "cat"), (6, 3, 32, 32), (2, 3, 32, 32))
    assert (train.inputs.dtype, train.labels.dtype) == (np.uint8, np.int64)
    label = {image.tobytes(): label for image, label in zip(train.inputs, train.labels, strict=True)}
    for row in range(3):
        assert label[draw(row).transpose(2, 0, 1).tobytes()] == 1
        assert label[draw(10 + row).transpose(2, 0, 1).tobytes()] == 0
    digest = locate_image_folder("own", str(folder), None).sha256
    for row, path in enumerate(sorted((folder / "train/cat").iterdir())):
        new = folder / "train/cat" / f"part{row}" / f"z{9 - row}.PNG"
        new.parent.mkdir()
        path.rename(new)
    for one, other in zip(read(folder), (train, test), strict=True):
        np.testing.assert_array_equal(one.inputs, other.inputs)
        np.testing.assert_array_equal(one.labels, other.labels)
    assert locate_image_folder("own", str(folder), None).sha256 == digest


def test_what_is_no_image_is_counted_by_kind(folder):
    for name in (
        *("train/cat/._0.png", "train/cat/.DS_Store", "train/cat/Thumbs.db"),
        *("test/__MACOSX/cat/._0.png", "test/cat/__MACOSX/1.png", "test/.hidden/0.png"),
        *("train/cat/notes.txt", "train/ant/drawing.EPS", "train/ant/scan.dcm"),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("no image")
    os.mkfifo(folder / "train/ant/pipe.png")  # to read it would never end
    # Of the class ant, three images and three others: as many are no mistake yet.
    put(folder / "train/alone.png", draw(99))
    put(folder / "validation/ant/0.png", draw(98))
    train, _, others = read_image_folder(folder)
    assert others == {
        ".dcm files": 1,
        ".eps files": 1,
        ".png files": 1,
        ".txt files": 1,
        "files beside train and test": 1,
        "hidden and system files": 6,
        "images outside the folders of classes": 1,
    }
    assert len(train) == 6


@pytest.mark.parametrize("suffix", [".webp", ".jpg", ".bmp", ".gif", ".ppm", ".jp2", ".tga", ".ico"])
def test_whatever_pillow_decodes_is_read(folder, suffix):
    path = put(folder / f"train/ant/new{suffix}", np.full((32, 32, 3), 200, np.uint8))
    assert np.abs(of(folder, path) - 200).max() <= 2


SEEN = np.where(np.arange(32) < 16, 255, 0) * np.ones((32, 1))  # the right half is see-through
CLEAR = Image.fromarray(np.stack([GREY, GREY, GREY, SEEN], -1).astype(np.uint8))
BEHIND = np.where(SEEN == 255, GREY, BACKGROUND[0])
TWO = Image.fromarray((GREY > 99).astype(np.uint8), "P")
TWO.putpalette([0, 0, 0, 250, 10, 10])


@pytest.mark.parametrize(
    ("image", "suffix", "options", "wanted"),
    [
        (Image.fromarray(GREY), ".png", {}, GREY),
        (Image.fromarray(DEEP), ".png", {}, GREY),
        (Image.fromarray(DEEP), ".tif", {}, GREY),
        (Image.fromarray(DEEP.astype(">u2")), ".tif", {}, GREY),
        (Image.fromarray(DEEP), ".tif", {"tiffinfo": {262: 0}}, 255 - GREY),  # white is zero
        (Image.fromarray(DEEP), ".pgm", {}, GREY),  # opens in mode I
        (Image.fromarray(DEEP), ".jp2", {}, GREY),
        (Image.fromarray(GREY > 99), ".png", {}, 255 * (GREY > 99)),
        (Image.fromarray(GREY).convert("P"), ".png", {}, GREY),
        (Image.fromarray(GREY).convert("PA"), ".tif", {}, GREY),
        (Image.fromarray(GREY).convert("RGB").convert("CMYK"), ".tif", {}, GREY),
        (Image.fromarray(GREY).convert("RGB").convert("YCbCr"), ".tif", {}, GREY),
        (CLEAR, ".png", {}, BEHIND),
        (CLEAR, ".webp", {"lossless": True}, BEHIND),
        (CLEAR.convert("LA"), ".png", {}, BEHIND),
        (TWO, ".png", {"transparency": 0}, np.where(GREY[..., None] > 99, (250, 10, 10), BACKGROUND[:3])),
        (Image.fromarray(DEEP), ".png", {"transparency": int(DEEP[0, 9])}, np.where(GREY == 9, BACKGROUND[0], GREY)),
    ],
    ids=lambda value: getattr(value, "mode", value if isinstance(value, str) else ""),
)
def test_every_mode_is_scaled_to_8_bits(folder, image, suffix, options, wanted):
    path = put(folder / f"train/ant/new{suffix}", image, **options)
    assert np.abs(of(folder, path) - (wanted if wanted.ndim == 3 else wanted[..., None])).max() <= 1


@pytest.mark.parametrize(("pixels", "mode"), [(GREY.astype(np.float32) / 255, "F"), (GREY.astype(np.int32), "I")])
def test_a_mode_without_a_known_white_is_refused_by_name(folder, pixels, mode):
    put(folder / "train/ant/new.tif", pixels)
    with pytest.raises(DataError, match=rf"ant/new\.tif: pixels of mode {mode}"):
        read(folder)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_deep_grey_of_12_bits_is_refused_and_a_dark_image_beside_bright_ones_is_not(folder, suffix):
    put(folder / f"train/ant/dark{suffix}", DEEP // 16)
    with pytest.raises(DataError, match=rf"ant/dark\{suffix}: .*nearly black"):
        read(folder)
    put(folder / f"train/cat/bright{suffix}", DEEP)
    assert len(read(folder)[0]) == 8


def test_an_image_over_the_limit_is_refused_with_it_and_one_that_pillow_warns_of_is_read(folder, monkeypatch):
    stream = io.BytesIO()
    Image.fromarray(GREY).save(stream, "PNG")
    content = bytearray(stream.getvalue())
    content[16:24] = (20_000).to_bytes(4, "big") * 2  # it says that it is this large
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    (folder / "train/ant/new.png").write_bytes(content)
    with pytest.raises(DataError, match=rf"ant/new\.png: .* limit of {2 * Image.MAX_IMAGE_PIXELS:,} pixels"):
        read(folder)
    (folder / "train/ant/new.png").unlink()
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert len(read(folder)[0]) == 6


def test_an_image_of_another_size_is_scaled_cut_to_its_middle_and_turned(folder):
    wide = np.zeros((64, 192, 3), np.uint8)
    wide[:, 60:132, 0] = 200  # red in the middle, the seam clear of what is kept
    assert (of(folder, put(folder / "train/ant/wide.png", wide)) == (200, 0, 0)).all()
    for name, image in (("t.jpg", np.repeat(draw(77, 1, 32), 32, axis=0)), ("t.png", draw(78))):
        path = put(folder / "train/ant" / name, image, exif=TURNED, quality=95, subsampling=0)
        assert np.abs(of(folder, path) - np.rot90(image, -1)).mean() < 10
    path = put(folder / "train/ant/deep.png", DEEP, exif=TURNED)
    np.testing.assert_array_equal(of(folder, path)[:, :, 1], np.rot90(GREY, -1))


def test_originals_are_whole_and_in_the_order_of_their_images(folder):
    put(folder / "train/ant/wide.png", draw(50, 40, 90))
    put(folder / "train/ant/turned.png", draw(51, 20, 70), exif=TURNED)
    train, _ = read(folder)
    train = train.take([5, 0, 7, 2, 6, 1, 3, 4])
    whole = {original.shape: original for original in originals(train)}
    assert {*whole} == {(70, 20, 3), (40, 90, 3), (32, 32, 3)}
    np.testing.assert_array_equal(whole[40, 90, 3], draw(50, 40, 90))
    for image, original in zip(train.inputs, originals(train), strict=True):
        if original.shape == (32, 32, 3):
            np.testing.assert_array_equal(original.transpose(2, 0, 1), image)


def test_broken_images_are_named_the_first_of_many_and_the_others_counted(folder):
    whole = (folder / "train/ant/0.png").read_bytes()
    (folder / "train/ant/cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "train/cat/empty.jpg").write_bytes(b"")
    (folder / "test/cat/text.png").write_text("%!PS-Adobe-3.0 EPSF-3.0")
    with pytest.raises(DataError, match=r"cut\.png, .*empty\.jpg, .*text\.png: .* cannot be read"):
        read(folder)
    for row in range(8):
        (folder / f"train/ant/b{row}.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"b4\.png and 6 more: "):
        read(folder)


def test_links_are_followed_and_those_that_lead_nowhere_or_back_are_not(folder):
    (folder / "train").rename(folder / "elsewhere")
    for name in ("ant", "cat"):
        (folder / "train" / name).mkdir(parents=True)
        for path in (folder / "elsewhere" / name).iterdir():
            (folder / "train" / name / path.name).symlink_to(path)
    (folder / "train/ant/more").symlink_to(folder / "train/ant")  # back to where it is
    assert len(read(folder)[0]) == 6
    (folder / "train/cat/lost.png").symlink_to(folder / "nowhere.png")
    with pytest.raises(DataError, match=r"links that lead nowhere: .*cat/lost\.png"):
        read(folder)


@pytest.mark.parametrize("other", ["cafe\u0301", "caf\u00e9 ", "caf\u00e9\u200b"])
def test_folders_that_look_alike_are_one_class(folder, other):
    os.rename(folder / "train/cat", folder / "train/caf\u00e9")
    os.rename(folder / "test/cat", folder / "test" / other)
    put(folder / "train" / other / "more.png", draw(70))
    train, test = read(folder)
    assert (train.counts(), test.counts()) == ({"ant": 3, "caf\u00e9": 4}, {"ant": 1, "caf\u00e9": 1})


def put_files(folder, suffix, count):
    folder.mkdir(exist_ok=True)
    for row in range(count):
        (folder / f"own{row}{suffix}").write_bytes(b"")


def put_class(folder, name):
    for number, split in enumerate(("train", "test")):
        put(folder / split / name / "0.png", draw(60 + number))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder: put_files(folder / "train/ant", ".dcm", 4), r"train/ant: 3 images and 4 other files"),
        (lambda folder: put_files(folder / "train", ".png", 7), "in no folder of a class"),
        (lambda folder: put_files(folder / "train/dog", ".png", 0), "train/dog: 0 images"),
        (lambda folder: put(folder / "train/dog/0.png", draw(50)), "dog is a class of train or of test alone"),
        (lambda folder: put(folder / "test/dog/0.png", draw(50)), "dog is a class of train or of test alone"),
        (lambda folder: [shutil.rmtree(path) for path in folder.glob("t*/cat")], "'ant' is the only class"),
        (lambda folder: shutil.rmtree(folder / "test"), "cannot read .*test: No such"),
        (lambda folder: [shutil.rmtree(path) for path in folder.glob("test/*")], "test holds no folders"),
        (lambda folder: put_class(folder, "Ant"), "differ in case"),
        (lambda folder: put_class(folder, os.fsdecode(b"caf\xe9")), re.escape(r"'caf\udce9'")),
    ],
)
def test_folders_that_look_like_a_mistake_are_refused(folder, change, said):
    change(folder)
    with pytest.raises(DataError, match=said):
        read(folder)
