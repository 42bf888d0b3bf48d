"""The small study through the executor for clusters of any kind, whose submit command runs jobs on this machine."""

import pytest

from tests.workflow.conftest import Study

pytest.importorskip("snakemake_executor_plugin_cluster_generic", reason="needs `pip install hsokv[cluster]`")


def test_another_executor_makes_the_records_of_one_machine(tmp_path, data, built):
    study = Study(tmp_path / "study", data)
    profile = ["--workflow-profile", "profiles/cluster-generic", "--jobs", "2", "--latency-wait", "5"]
    code, output = study.run("report", *profile, "--seconds-between-status-checks", "1", cores=None)
    assert code == 0, output[-3000:]
    assert study.contents() == built.contents()
    assert "Nothing to be done" in study.run("report")[1]
