"""A study stopped at many moments, by both signals, ends with the same bytes as one that never was."""

import signal

import pytest

from tests.workflow.conftest import Study, stop_after


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_again_and_again_equals_uninterrupted(built, data, tmp_path, stop):
    study = Study(tmp_path / "study", data)
    for finished in (1, 3, 5, 7, 9):
        stop_after(study, finished, stop)
    code, output = study.run("report")
    assert code == 0, output
    assert study.contents() == built.contents()


def test_two_folders_and_other_cores_give_the_same_bytes(built, data, tmp_path):
    study = Study(tmp_path / "study", data)
    code, output = study.run("report", cores=1)
    assert code == 0, output
    assert study.contents() == built.contents()
