"""A study that is killed and run again ends with the same bytes as one that never was."""

import os
import signal

import pytest

from tests.workflow.conftest import Study


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT])
def test_interrupted_equals_uninterrupted(built, data, tmp_path, stop):
    study = Study(tmp_path / "study", data)
    process = study.start("report")
    finished = 0
    for line in process.stdout:  # stop in the middle of the work, when some jobs have ended and others are running
        finished += line.startswith("Finished jobid")
        if finished == 8:
            os.killpg(process.pid, stop)
            break
    process.communicate()
    assert process.returncode != 0
    assert study.contents() != built.contents()
    code, output = study.run("report")
    assert code == 0, output
    assert study.contents() == built.contents()
