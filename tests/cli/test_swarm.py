"""`hsokv swarm`: a run in one process, kept and gone on with."""

import json

import pytest

SMALL = ("swarm", "--backend", "single", "--nodes", "1", "--managers", "2", "--sharing", "synchronous")


def test_a_run_is_told_kept_and_gone_on_with(run, tmp_path):
    kept = tmp_path / "run.npz"
    result = run(*SMALL, "--iterations", "1", "--output", kept)
    assert result.exit_code == 0, result.stderr
    assert "scores of managers" in result.stdout
    longer = json.loads(run(*SMALL, "--iterations", "2", "--output", kept, "--json").stdout)
    whole = json.loads(run(*SMALL, "--iterations", "2", "--json").stdout)
    assert (longer["scores"], longer["steps"]) == (whole["scores"], whole["steps"])
    assert (whole["nodes"], whole["backend"], len(whole["scores"])) == (1, "single", 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--benchmark", "cartpol"), "--benchmark: unknown name 'cartpol'; did you mean 'cartpole'?"),
        (("--backend", "proceses"), "--backend: unknown name 'proceses'; did you mean 'processes'?"),
        (("--sharing", "synchronos"), "--sharing: unknown name 'synchronos'; did you mean 'synchronous'?"),
        (("--backend", "single", "--nodes", "2"), "workers: wanted 1 with backend single, came 2"),
    ],
)
def test_what_cannot_be_run_is_refused(run, arguments, message):
    result = run("swarm", *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert message in result.stderr
