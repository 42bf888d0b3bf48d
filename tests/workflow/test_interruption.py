"""A study that is killed and run again ends with the same bytes as one that never was: campaign kills a whole one."""

import signal

import yaml

from tests.workflow.conftest import Study, stop_after
from tests.workflow.test_time import CRITERIA, TINY

OVERLAY = yaml.safe_dump(TINY | {"small": True, "only": ["rare_words"], "criteria": []})  # a small run is not timed


def test_killed_equals_uninterrupted(data, tmp_path):
    whole, killed = (Study(tmp_path / name, data) for name in ("whole", "killed"))
    code, output = whole.run(CRITERIA, overlay=OVERLAY)
    assert code == 0, output
    stop_after(killed, 2, signal.SIGKILL, CRITERIA, overlay=OVERLAY)
    assert killed.contents() != whole.contents()
    assert killed.run("--unlock")[0] == 0
    code, output = killed.run(CRITERIA, overlay=OVERLAY)
    assert code == 0, output
    assert killed.contents() == whole.contents()
