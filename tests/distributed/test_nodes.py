"""Equal-share nodes: workers under a quota, or the reason why there are none."""

import os
from pathlib import Path

import pytest

from hsokv.distributed import nodes
from hsokv.distributed.executors import open_executor
from hsokv.distributed.nodes import equal_share_nodes, why_no_nodes
from hsokv.exceptions import BackendError

SETTINGS = {"nodes": [1], "share": 0.5}


def test_workers_have_their_quota_inside_the_block_alone():
    if reason := why_no_nodes(SETTINGS):
        pytest.skip(reason)
    with open_executor("processes", 1) as executor:
        processes = Path(f"/proc/{executor.pids[0]}/cgroup")
        before = processes.read_text()
        with equal_share_nodes(executor, 0.5):
            assert "hsokv-" in processes.read_text()
        assert processes.read_text() == before
    assert not list(nodes.ROOT.glob(f"hsokv-{os.getpid()}-*"))  # another run on this machine may have its own


def test_a_machine_without_quotas_is_refused_with_the_reason(monkeypatch, tmp_path):
    with open_executor("single", 1) as executor:
        monkeypatch.setattr(nodes, "ROOT", tmp_path / "missing")
        with pytest.raises(BackendError, match="need root"), equal_share_nodes(executor, 0.5):
            pass
    assert "root" in why_no_nodes(SETTINGS)
    assert "asks for no" in why_no_nodes(None)
