"""A study that is killed and run again ends with the same bytes as one that never was."""

import signal

from tests.workflow.conftest import Study, stop_after


def test_killed_equals_uninterrupted(built, data, tmp_path):
    study = Study(tmp_path / "study", data)
    stop_after(study, 8, signal.SIGKILL)
    assert study.contents() != built.contents()
    assert study.run("--unlock")[0] == 0
    code, output = study.run("report")
    assert code == 0, output
    assert study.contents() == built.contents()
