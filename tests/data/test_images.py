"""Folders of a user's own images: what is read, in every mode, and what is refused by name."""

import io
import os
import re
import zlib

import numpy as np
import pytest
from PIL import Image

from hsokv.data.examples import deduplicate
from hsokv.data.images import BACKGROUND, list_files, locate_image_folder, originals, read_image_folder
from hsokv.exceptions import DataError


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
    """What was read from one file, uint8 [height, width, 3]."""
    train = read(folder)[0]
    return train.inputs[train.files.index(path)].transpose(1, 2, 0)


def test_images_come_with_the_names_of_their_folders(folder):
    train, test = read(folder)
    assert (train.names, train.inputs.shape, test.inputs.shape) == (("ant", "cat"), (6, 3, 32, 32), (2, 3, 32, 32))
    assert (train.inputs.dtype, train.labels.dtype) == (np.uint8, np.int64)
    label = {image.tobytes(): label for image, label in zip(train.inputs, train.labels, strict=True)}
    for row in range(3):
        assert label[draw(row).transpose(2, 0, 1).tobytes()] == 1
        assert label[draw(10 + row).transpose(2, 0, 1).tobytes()] == 0


def test_names_of_files_and_sub_folders_change_nothing(folder):
    wanted, digest = read(folder), locate_image_folder("own", str(folder), None).sha256
    for row, path in enumerate(sorted((folder / "train/cat").iterdir())):
        new = folder / "train/cat" / f"part{row}" / f"z{9 - row}.PNG"
        new.parent.mkdir()
        path.rename(new)
    for one, other in zip(read(folder), wanted, strict=True):
        assert np.array_equal(one.inputs, other.inputs)
        assert np.array_equal(one.labels, other.labels)
    assert locate_image_folder("own", str(folder), None).sha256 == digest


def test_what_is_no_image_is_counted_by_kind(folder):
    for name in ("._0.png", ".DS_Store", "Thumbs.db"):
        (folder / "train/cat" / name).write_text("no image")
    for name in ("__MACOSX/cat/._0.png", "cat/__MACOSX/1.png", ".hidden/0.png"):
        (folder / "test" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "test" / name).write_text("no image")
    (folder / "train/cat/notes.txt").write_text("no image")
    (folder / "train/ant/drawing.EPS").write_text("no image")
    os.mkfifo(folder / "train/ant/pipe.png")  # to read it would never end
    put(folder / "train/alone.png", draw(99))
    put(folder / "validation/ant/0.png", draw(98))
    assert read_image_folder(folder)[2] == {
        ".eps files": 1,
        ".png files": 1,
        ".txt files": 1,
        "files beside train and test": 1,
        "hidden and system files": 6,
        "images outside the folders of classes": 1,
    }
    assert len(read(folder)[0]) == 6


@pytest.mark.parametrize("suffix", [".webp", ".jpg", ".bmp", ".gif", ".tif", ".ppm", ".jp2", ".tga", ".ico"])
def test_whatever_pillow_decodes_is_read(folder, suffix):
    path = put(folder / f"train/ant/new{suffix}", np.full((32, 32, 3), 200, np.uint8))
    assert np.abs(of(folder, path).astype(int) - 200).max() <= 2


GREY = (np.arange(1024).reshape(32, 32) % 256).astype(np.uint8)


def transparent(grey, mode):
    """Grey pixels, half of them see-through, on what lies behind them."""
    alpha = np.where(np.arange(32) < 16, 255, 0) * np.ones((32, 1))
    image = Image.fromarray(np.stack([grey] * 3 + [alpha], -1).astype(np.uint8)).convert(mode)
    return image, np.where(alpha == 255, grey, BACKGROUND[0])


@pytest.mark.parametrize(
    ("image", "suffix", "wanted"),
    [
        (Image.fromarray(GREY), ".png", GREY),
        (Image.fromarray(GREY.astype(np.uint16) * 257), ".png", GREY),
        (Image.fromarray(GREY.astype(np.uint16) * 257), ".tif", GREY),
        (Image.fromarray((GREY.astype(np.uint16) * 257).astype(">u2")), ".tif", GREY),
        (Image.fromarray(GREY.astype(np.uint16) * 257), ".pgm", GREY),  # opens in mode I
        (Image.fromarray(GREY.astype(np.uint16) * 257), ".jp2", GREY),
        (Image.fromarray(GREY > 99), ".png", 255 * (GREY > 99)),
        (Image.fromarray(GREY > 99), ".tif", 255 * (GREY > 99)),
        (Image.fromarray(GREY).convert("P"), ".png", GREY),
        (Image.fromarray(GREY).convert("PA"), ".tif", GREY),
        (Image.fromarray(GREY).convert("RGB").convert("CMYK"), ".tif", GREY),
        (Image.fromarray(GREY).convert("RGB").convert("YCbCr"), ".tif", GREY),
        (*transparent(GREY, "RGBA")[:1], ".png", transparent(GREY, "RGBA")[1]),
        (*transparent(GREY, "LA")[:1], ".png", transparent(GREY, "LA")[1]),
        (*transparent(0 * GREY, "RGBA")[:1], ".webp", transparent(0 * GREY, "RGBA")[1]),
    ],
    ids=lambda value: value.mode if isinstance(value, Image.Image) else value if isinstance(value, str) else "",
)
def test_every_mode_is_scaled_to_8_bits(folder, image, suffix, wanted):
    path = put(folder / f"train/ant/new{suffix}", image, **({"lossless": True} if suffix == ".webp" else {}))
    pixels = of(folder, path).astype(int)
    assert np.abs(pixels - np.asarray(wanted)[:, :, None]).max() <= 1


def test_of_16_bits_white_may_be_zero(folder):
    path = put(folder / "train/ant/new.tif", Image.fromarray(GREY.astype(np.uint16) * 257), tiffinfo={262: 0})
    with Image.open(path) as written:
        assert written.tag_v2[262] == 0
    np.testing.assert_array_equal(of(folder, path)[:, :, 0], 255 - GREY)


def test_a_transparent_colour_has_the_background_there(folder):
    shown = (GREY > 99)[:, :, None]
    image = Image.fromarray(np.where(GREY > 99, 1, 0).astype(np.uint8), "P")
    image.putpalette([0, 0, 0, 250, 10, 10])
    path = put(folder / "train/ant/new.png", image, transparency=0)
    np.testing.assert_array_equal(of(folder, path), np.where(shown, (250, 10, 10), BACKGROUND[:3]))
    path = put(folder / "train/ant/deep.png", np.where(GREY > 99, 257 * GREY.astype(np.uint16), 7), transparency=7)
    np.testing.assert_array_equal(of(folder, path), np.where(shown, GREY[:, :, None], BACKGROUND[:3]))


@pytest.mark.parametrize(
    ("pixels", "mode"), [(GREY.astype(np.float32) / 255, "F"), (GREY.astype(np.int32), "I")], ids=["float", "int32"]
)
def test_a_mode_without_a_known_white_is_refused_by_name(folder, pixels, mode):
    put(folder / "train/ant/new.tif", pixels)
    with pytest.raises(DataError, match=rf"ant/new\.tif: pixels of mode {mode}"):
        read(folder)


def png_of(width, height):
    """A PNG that says it is this large, without its pixels."""
    stream = io.BytesIO()
    Image.fromarray(GREY).save(stream, "PNG")
    content = bytearray(stream.getvalue())
    content[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    return bytes(content)


def test_an_image_over_the_limit_is_refused_with_it(folder):
    (folder / "train/ant/new.png").write_bytes(png_of(20_000, 20_000))
    with pytest.raises(DataError, match=rf"ant/new\.png: .* limit of {2 * Image.MAX_IMAGE_PIXELS:,} pixels"):
        read(folder)


def test_an_image_below_the_limit_that_pillow_warns_of_is_read(folder, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert len(read(folder)[0]) == 6


def test_an_image_of_another_size_is_scaled_cut_to_its_middle_and_turned(folder):
    wide = np.zeros((64, 192, 3), np.uint8)
    wide[:, 60:132, 0] = 200  # red in the middle, the seam clear of what is kept
    path = put(folder / "train/ant/wide.png", wide)
    assert (of(folder, path) == (200, 0, 0)).all()
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned by a quarter
    for name, image in (("t.jpg", np.repeat(draw(77, 1, 32), 32, axis=0)), ("t.png", draw(78))):
        path = put(folder / "train/ant" / name, image, exif=turned, quality=95, subsampling=0)
        assert np.abs(of(folder, path).astype(int) - np.rot90(image, -1)).mean() < 10
    deep = np.random.default_rng(5).integers(65536, size=(32, 32)).astype(np.uint16)
    path = put(folder / "train/ant/deep.png", deep, exif=turned)
    np.testing.assert_array_equal(of(folder, path)[:, :, 1], np.rint(np.rot90(deep, -1) / 257))


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


def test_a_folder_that_looks_like_a_mistake_is_refused(folder):
    for row in range(4):
        (folder / f"train/ant/{row}.dcm").write_bytes(b"")
    with pytest.raises(DataError, match=r"train/ant: 3 images and 4 other files"):
        read(folder)
    (folder / "train/ant/3.dcm").unlink()
    assert read_image_folder(folder)[2] == {".dcm files": 3}


def test_images_outside_the_folders_of_classes_are_refused_where_they_are_most(folder):
    for row in range(7):
        put(folder / f"train/{row}.png", draw(60 + row))
    with pytest.raises(DataError, match="in no folder of a class"):
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
    train, test = read(folder)
    assert train.names == test.names == ("ant", "caf\u00e9")
    put(folder / "train" / other / "more.png", draw(70))
    assert read(folder)[0].counts() == {"ant": 3, "caf\u00e9": 4}


@pytest.mark.parametrize("name", ["Ant", os.fsdecode(b"caf\xe9")], ids=ascii)
def test_folders_whose_names_are_mistaken_easily_are_refused(folder, name):
    for number, split in enumerate(("train", "test")):
        put(folder / split / "new/0.png", draw(60 + number))
        os.rename(folder / split / "new", folder / split / name)
    with pytest.raises(DataError, match=f"differ in case|{re.escape(repr(name))}"):
        read(folder)


def one_class(folder):
    for split in ("train", "test"):
        for path in (folder / split / "cat").iterdir():
            path.unlink()
        (folder / split / "cat").rmdir()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (one_class, "'ant' is the only class"),
        (lambda folder: (folder / "train/dog").mkdir(), "train/dog: 0 images"),
        (lambda folder: put(folder / "train/dog/0.png", draw(50)), "dog is a class of train or of test alone"),
        (lambda folder: put(folder / "test/dog/0.png", draw(50)), "dog is a class of train or of test alone"),
        (lambda folder: (folder / "test").rename(folder / "final"), "cannot read .*test: No such"),
        (
            lambda folder: (folder / "test").rename(folder / "final") and (folder / "test").mkdir(),
            "test holds no folders",
        ),
    ],
)
def test_classes_that_are_no_task_are_refused(folder, change, said):
    change(folder)
    with pytest.raises(DataError, match=said):
        read(folder)


def test_equal_images_are_left_out_of_train_as_texts_are(folder):
    for name, image in (("test/cat/again", draw(1)), ("train/ant/0_again", draw(10)), ("train/ant/again", draw(2))):
        put(folder / f"{name}.png", image)
    train, _, dropped = deduplicate(*read(folder))
    assert dropped == {"repeated": 2, "with two labels": 1, "also in the test": 1}
    assert train.counts() == {"ant": 3, "cat": 1}


def test_originals_are_whole_and_in_the_order_of_their_images(folder):
    put(folder / "train/ant/wide.png", draw(50, 40, 90))
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned by a quarter
    put(folder / "train/ant/turned.png", draw(51, 20, 70), exif=turned)
    train, _ = read(folder)
    part = train.take([5, 0, 7, 2, 6])
    pictures = [*originals(part), *originals(train.take([]))]
    assert len(pictures) == 5
    for image, original in zip(part.inputs, pictures, strict=True):
        if original.shape == (32, 32, 3):
            np.testing.assert_array_equal(original.transpose(2, 0, 1), image)
    sizes = [original.shape for original in originals(train)]
    assert sorted(sizes, reverse=True)[:3] == [(70, 20, 3), (40, 90, 3), (32, 32, 3)]
    np.testing.assert_array_equal(next(o for o in originals(train) if len(o) == 40), draw(50, 40, 90))


def test_files_are_listed_in_the_order_of_their_names(folder):
    listed = list_files(folder / "train")[0]
    assert list(listed) == ["ant", "cat"]
    for name, files in listed.items():
        assert files == [folder / "train" / name / f"{row}.png" for row in range(3)]
