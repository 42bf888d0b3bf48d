"""A study killed or stopped at many moments ends with the same bytes as one that never was."""

import os
import random
import signal
import subprocess

import pytest

from hsokv.archive.manifest import manifest
from tests.workflow.conftest import Study

BATCHES, KILLS = 5, 4


def moments(batch: int) -> list[tuple[int, float]]:
    """How many jobs may yet end before each kill, and the part of two seconds after: spread over the whole study."""
    draw = random.Random(batch)
    after = sorted(draw.sample(range(20), KILLS))
    return [(now - before, 2 * draw.random()) for before, now in zip([0, *after], after, strict=False)]


def kill(study: Study, finished: int, seconds: float) -> None:
    """Kill the whole process group of a run so many seconds after so many of its jobs have ended."""
    assert study.run("--unlock")[0] == 0
    process = study.start("report")
    output = []
    while finished:
        output.append(process.stdout.readline())
        finished -= output[-1].startswith("Finished jobid")
        assert process.poll() is None, "the study ended before it was killed:\n" + "".join(output[-60:])
    try:
        process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert process.returncode == -signal.SIGKILL


def stop_after(study: Study, finished: int) -> None:
    """Run the report and stop its whole process group, as Ctrl-C does, once so many jobs have ended."""
    process = study.start("report")
    ended = 0
    for line in process.stdout:
        ended += line.startswith("Finished jobid")
        if ended == finished:
            os.killpg(process.pid, signal.SIGINT)
            break
    process.communicate()
    assert process.returncode != 0


@pytest.mark.parametrize("batch", range(BATCHES))
def test_killed_at_random_moments_equals_undisturbed(built, data, tmp_path, batch):
    study = Study(tmp_path / "study", data)
    for finished, seconds in moments(batch):
        kill(study, finished, seconds)
    assert study.run("--unlock")[0] == 0
    code, output = study.run("report")
    assert code == 0, output
    assert manifest(study.contents()) == manifest(built.contents())


def test_stopped_by_the_user_again_and_again_equals_undisturbed(built, data, tmp_path):
    study = Study(tmp_path / "study", data)
    for finished in (1, 3, 5, 7, 9):
        stop_after(study, finished)
    code, output = study.run("report")
    assert code == 0, output
    assert manifest(study.contents()) == manifest(built.contents())


def test_one_core_and_four_give_the_same_bytes_archives_included(built, data, tmp_path):
    archives = []
    for cores in (1, 4):
        study = Study(tmp_path / f"cores{cores}", data)
        code, output = study.run("archive", cores=cores)
        assert code == 0, output
        assert manifest(study.contents()) == manifest(built.contents())
        archives.append({path.name: path.read_bytes() for path in study.folder.glob("results/small/archive/arxiv.*")})
    assert archives[0] == archives[1]
