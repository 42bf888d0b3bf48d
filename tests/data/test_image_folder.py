import numpy as np
import pytest
from hsokv.data.image_folder import originals, read_image_folder
from PIL import Image

from hsokv.exceptions import DataError


def draw(seed, height=32, width=32):
    return np.random.default_rng(seed).integers(256, size=(height, width, 3)).astype(np.uint8)


def put(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


@pytest.fixture
def folder(tmp_path):
    """Two classes, three images of each in train and one in test."""
    for number, name in enumerate(("cat", "ant")):
        for row in range(3):
            put(tmp_path / "train" / name / f"{row}.png", draw(10 * number + row))
        put(tmp_path / "test" / name / "t.png", draw(10 * number + 9))
    return tmp_path


def test_images_come_with_the_names_of_their_folders(folder):
    train, test = read_image_folder(folder)
    assert (train.names, train.images.shape, test.images.shape) == (("ant", "cat"), (6, 3, 32, 32), (2, 3, 32, 32))
    assert (train.images.dtype, train.labels.dtype) == (np.uint8, np.int64)
    label = {image.tobytes(): label for image, label in zip(train.images, train.labels, strict=True)}
    for row in range(3):
        assert label[draw(row).transpose(2, 0, 1).tobytes()] == 1
        assert label[draw(10 + row).transpose(2, 0, 1).tobytes()] == 0


def test_names_of_files_change_nothing(folder):
    wanted = read_image_folder(folder)
    for row, path in enumerate(sorted((folder / "train/cat").iterdir())):
        path.rename(path.with_name(f"z{9 - row}.PNG"))
    (folder / "train/cat/notes.txt").write_text("no image")
    (folder / "train/.hidden").mkdir()
    for one, other in zip(read_image_folder(folder), wanted, strict=True):
        assert np.array_equal(one.images, other.images)
        assert np.array_equal(one.labels, other.labels)


def test_an_image_of_another_size_is_scaled_and_cut_to_its_middle(folder):
    wide = np.zeros((64, 192, 3), np.uint8)
    wide[:, 60:132, 0] = 200  # red in the middle, the seam clear of what is kept
    put(folder / "train/ant/wide.png", wide)
    Image.fromarray(np.full((8, 8), 90, np.uint8)).save(folder / "train/ant/small_grey.png")
    Image.fromarray(np.full((40, 40, 4), 60, np.uint8)).save(folder / "train/ant/see_through.png")
    put(folder / "train/ant/photo.jpeg", np.full((50, 33, 3), 120, np.uint8))
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned by a quarter
    put(folder / "train/ant/turned.jpg", np.repeat(draw(77, 1, 32), 32, axis=0), exif=turned, quality=95)
    found = read_image_folder(folder)[0].images
    flat = {tuple(image.reshape(3, -1).mean(1)): image.std((1, 2)).max() for image in found}
    assert (200, 0, 0) in flat
    assert flat[(90, 90, 90)] == flat[(60, 60, 60)] == 0
    assert (120, 120, 120) in flat
    rows_alike = [image for image in found.astype(float) if image.std(2).mean() < 10 < image.std(1).mean()]
    assert len(rows_alike) == 1


def test_broken_images_are_all_named(folder):
    whole = (folder / "train/ant/0.png").read_bytes()
    (folder / "train/ant/cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "train/cat/empty.jpg").write_bytes(b"")
    (folder / "test/cat/text.png").write_text("no image")
    with pytest.raises(DataError, match=r"wanted whole images, .*cut\.png, .*empty\.jpg, .*text\.png cannot be read"):
        read_image_folder(folder)


def test_of_many_broken_images_the_first_are_named_and_the_others_counted(folder):
    for row in range(8):
        (folder / f"train/ant/b{row}.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"b4\.png and 3 more cannot be read"):
        read_image_folder(folder)


def test_a_class_without_images_is_named(folder):
    (folder / "train/dog").mkdir()
    (folder / "train/dog/notes.txt").write_text("")
    with pytest.raises(DataError, match=r"wanted \.jpeg, \.jpg, \.png files in every class, .*train/dog has none"):
        read_image_folder(folder)


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_class_that_only_one_of_train_and_test_has_is_named(folder, split):
    put(folder / split / "dog/0.png", draw(50))
    with pytest.raises(DataError, match="wanted the same classes in train and in test, dog in one of them alone"):
        read_image_folder(folder)


def test_the_same_pixels_in_train_and_test_are_named_by_both_files(folder):
    put(folder / "test/cat/again.png", draw(1))
    with pytest.raises(DataError, match=r"stand in both: .*train/cat/1\.png = .*test/cat/again\.png"):
        read_image_folder(folder)


def test_the_same_pixels_in_two_classes_are_named_and_in_one_class_kept_once(folder):
    put(folder / "train/cat/again.png", draw(1))
    assert len(read_image_folder(folder)[0].labels) == 6
    put(folder / "train/ant/again.png", draw(1))
    with pytest.raises(DataError, match=r"stand in two: .*train/ant/again\.png = .*train/cat/1\.png"):
        read_image_folder(folder)


def test_a_folder_without_classes_is_named(tmp_path):
    with pytest.raises(DataError, match="train: wanted a folder of classes, came none"):
        read_image_folder(tmp_path)


def test_originals_are_whole_and_in_the_order_of_their_images(folder):
    put(folder / "train/ant/wide.png", draw(50, 40, 90))
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned by a quarter
    put(folder / "train/ant/turned.png", draw(51, 20, 70), exif=turned)
    train, _ = read_image_folder(folder)
    part = train.take([5, 0, 7, 2, 6])
    found = [*originals(part), *originals(train.take([]))]
    assert len(found) == 5
    for image, original in zip(part.images, found, strict=True):
        if original.shape == (32, 32, 3):
            np.testing.assert_array_equal(original.transpose(2, 0, 1), image)
    sizes = [original.shape for original in originals(train)]
    assert sorted(sizes, reverse=True)[:3] == [(70, 20, 3), (40, 90, 3), (32, 32, 3)]
    np.testing.assert_array_equal(next(o for o in originals(train) if len(o) == 40), draw(50, 40, 90))
