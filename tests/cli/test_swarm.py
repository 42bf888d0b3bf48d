"""`hsokv swarm`: a run in one process, kept and gone on with."""

import json

import pytest

SMALL = ("swarm", "--backend", "single", "--nodes", "1", "--candidates", "16", "--managers", "2", "--agents", "2")


def test_a_run_is_reported_kept_and_continued(run, tmp_path):
    kept = tmp_path / "run.pt"
    result = run(*SMALL, "--iterations", "1", "--output", kept)
    assert result.exit_code == 0, result.stderr
    assert "M steps/s" in result.stdout
    longer = json.loads(run(*SMALL, "--iterations", "2", "--output", kept, "--json").stdout)
    whole = json.loads(run(*SMALL, "--iterations", "2", "--json").stdout)
    assert (longer["score"], longer["steps"]) == (whole["score"], whole["steps"])
    assert (whole["nodes"], whole["backend"]) == (1, "single")


@pytest.mark.parametrize("option", ["--nodes", "--candidates", "--agents", "--managers", "--iterations", "--seed"])
def test_numbers_that_no_machine_has_room_for_are_wrong_usage(run, option):
    assert run("swarm", "--backend", "single", option, str(10**12)).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--benchmark", "cartpol"), "--benchmark: unknown name 'cartpol'; did you mean 'cartpole'?"),
        (("--backend", "proceses"), "--backend: unknown name 'proceses'; did you mean 'processes'?"),
        (("--backend", "single", "--nodes", "1", "--candidates", "7"), "candidates: expected"),
        (("--backend", "ray", "--address", "head"), "--address: expected host:port"),
        (("--backend", "single", "--nodes", "2"), "workers: expected 1 with backend single, got 2"),
    ],
)
def test_what_cannot_be_run_is_refused(run, arguments, message):
    result = run("swarm", *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert message in result.stderr
