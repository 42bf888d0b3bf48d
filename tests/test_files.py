import errno
import json
import os

import numpy as np
import pytest

from hsokv.exceptions import HsokvError
from hsokv.files import checksum, replacing, write_arrays, write_bytes, write_json, write_text


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    target = tmp_path / "record.json"
    write_text(target, "old")

    def stop_half_way():
        with replacing(target) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop_half_way()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_json_is_sorted_ends_with_a_newline_and_keeps_floats(tmp_path):
    write_json(tmp_path / "x.json", {"b": 0.1 + 0.2, "a": "é"})
    content = (tmp_path / "x.json").read_text(encoding="utf-8")
    assert content == '{\n  "a": "é",\n  "b": 0.30000000000000004\n}\n'
    assert json.loads(content)["b"] == 0.1 + 0.2


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, object()])
def test_what_is_no_json_is_refused_and_writes_nothing(tmp_path, value):
    with pytest.raises(HsokvError, match=r"x\.json: wanted"):
        write_json(tmp_path / "x.json", value)
    assert not list(tmp_path.iterdir())


def test_the_same_arrays_give_the_same_bytes_in_any_order(tmp_path):
    x, y = np.arange(6.0).reshape(2, 3), np.array(["a", "b"])
    write_arrays(tmp_path / "1.npz", {"x": x, "y": y})
    write_arrays(tmp_path / "2.npz", {"y": y, "x": x})
    assert (tmp_path / "1.npz").read_bytes() == (tmp_path / "2.npz").read_bytes()
    with np.load(tmp_path / "1.npz") as read:
        np.testing.assert_array_equal(read["x"], x)
        np.testing.assert_array_equal(read["y"], y)
    with pytest.raises(HsokvError, match="Python objects in \\['x'\\]"):
        write_arrays(tmp_path / "x.npz", {"x": np.array([{}])})


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_refused_write_names_the_path_and_the_reason(tmp_path, monkeypatch, number):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(HsokvError, match=rf"cannot write .*x\.bin: {os.strerror(number)}"):
        write_bytes(tmp_path / "x.bin", b"1")
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path):
    write_text(tmp_path / "a", "")
    with pytest.raises(HsokvError, match=r"cannot write .*b\.txt: "):
        write_text(tmp_path / "a" / "b.txt", "")


def test_a_file_is_readable_as_its_owner_set_it(tmp_path):
    before = os.umask(0o022)
    try:
        write_text(tmp_path / "x", "")
    finally:
        os.umask(before)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o644


def test_known_checksums(tmp_path):
    write_bytes(tmp_path / "x", b"abc")
    assert checksum(tmp_path / "x") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert checksum(tmp_path / "x", "md5") == "900150983cd24fb0d6963f7d28e17f72"
    with pytest.raises(HsokvError, match=r"cannot read .*absent"):
        checksum(tmp_path / "absent")
