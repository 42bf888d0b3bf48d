"""The small study on a real Slurm, of two nodes on this machine: it survives a drained node and a killed job."""

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.workflow.conftest import Study

pytest.importorskip("snakemake_executor_plugin_slurm", reason="needs `pip install hsokv[slurm]`")
SCRIPT = Path(__file__).with_name("slurm.sh")
ON_SLURM = ["--workflow-profile", "profiles/slurm", "--slurm-no-account", "--slurm-status-command", "squeue"]
ON_SLURM += ["--slurm-init-seconds-before-status-checks", "3", "--seconds-between-status-checks", "3"]
ON_SLURM += ["--latency-wait", "5", "--jobs", "4"]


@pytest.fixture
def cluster():
    """A Slurm cluster, in a folder that its user munge may enter."""
    if os.getuid() != 0 or not all(map(shutil.which, ("slurmctld", "slurmd", "munged"))):
        pytest.skip("needs root and Debian's packages slurm-wlm and munge")
    folder = mkdtemp(prefix="slurm")
    os.chmod(folder, 0o755)
    subprocess.run([SCRIPT, "start", folder], check=True)
    yield
    subprocess.run([SCRIPT, "stop", folder], check=True)
    shutil.rmtree(folder, ignore_errors=True)


def test_a_cluster_makes_the_records_of_one_machine(tmp_path, data, built, cluster):
    study = Study(tmp_path / "study", data)
    process = study.start("report", *ON_SLURM)
    ended, output = 0, []
    for line in process.stdout:
        output.append(line)
        ended += line.startswith("Finished jobid")
        if line.startswith("Finished jobid") and ended == 4:
            subprocess.run(["scontrol", "update", "nodename=node1", "state=drain", "reason=campaign"], check=True)
        if line.startswith("Finished jobid") and ended == 8:
            running = subprocess.run(
                ["squeue", "--noheader", "--states=RUNNING", "--format=%i"], capture_output=True, text=True, check=True
            )
            subprocess.run(["scancel", "--signal=KILL", "--full", running.stdout.split()[0]], check=True)
            subprocess.run(["scontrol", "update", "nodename=node1", "state=resume"], check=True)
    process.stdout.close()
    assert process.wait() == 0, "".join(output[-60:])
    assert any("FAILED" in line or "CANCELLED" in line for line in output), "no job was killed"
    assert study.contents() == built.contents()
