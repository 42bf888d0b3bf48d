"""Real Ray actors: the same bits as in one process, and what happens when actors are killed and nodes removed."""

import socket
import sys
from types import SimpleNamespace

import psutil
import pytest

from hsokv.distributed.pool import open_pool
from hsokv.distributed.spread import open_spread
from hsokv.exceptions import BackendError

from .swarms import PATIENT, PLAN, assert_counted_once, assert_same, run, undisturbed

ray = pytest.importorskip("ray", reason="Ray is not installed: its tests need `pip install hsokv[ray]`")
# Of Ray's own making: it forks and opens files that it leaves to the collector, and warns of its next default.
pytestmark = [
    pytest.mark.xdist_group("ray"),  # one cluster at a time
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning:ray"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def local():
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
    yield
    ray.shutdown()


@pytest.fixture
def cluster():
    """A head without cores and two nodes with one each."""
    from ray.cluster_utils import Cluster

    ray.shutdown()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    cluster.wait_for_nodes()
    yield SimpleNamespace(cluster=cluster, nodes=nodes, address=cluster.address)
    ray.shutdown()
    cluster.shutdown()


def disturb(act):
    done = []

    def watch(event):
        if event.kind == "accepted" and not done:
            done.append(event)
            act()

    return watch


def test_two_actors_find_what_one_process_finds_although_one_is_killed(local):
    pool = open_pool("ray", PLAN, 2)
    outcome = run(pool, watch=disturb(lambda: ray.kill(pool.actors[0])))
    assert [event.owner for event in outcome.events if event.kind == "lost"] == [0]
    assert_same(outcome.store, undisturbed().store)
    assert_counted_once(outcome)


def test_more_workers_than_cores_of_the_cluster_are_refused(local):
    with pytest.raises(BackendError, match="workers: wanted 3, one core each, but the Ray cluster has 2"):
        open_pool("ray", PLAN, 3)


def test_parts_spread_over_ray_come_back_in_order(local):
    with open_spread("ray", 2) as spread:
        assert spread(abs, [-3, 1, -2]) == [3, 1, 2]
    with pytest.raises(BackendError, match="workers: wanted 3"), open_spread("ray", 3):
        pass


def test_a_run_goes_on_when_a_node_of_a_cluster_is_removed(cluster):
    pool = open_pool("ray", PLAN, 2, address=cluster.address)

    def remove():
        raylet = cluster.nodes[0].all_processes["raylet"][0].process
        workers = psutil.Process(raylet.pid).children(recursive=True)
        cluster.cluster.remove_node(cluster.nodes[0], allow_graceful=False)
        # An actor outlives its node by a moment, in which a fast machine would end the run.
        assert not psutil.wait_procs(workers, timeout=60)[1]

    # The actor's successor waits for a core that is gone: it is given up, and the other works for both.
    outcome = run(pool, watch=disturb(remove), limits=PATIENT._replace(seconds=25, restarts=1))
    assert [event for event in outcome.events if event.kind == "lost"]
    assert_same(outcome.store, undisturbed().store)
    assert_counted_once(outcome)


def test_an_address_where_nobody_answers_is_told_in_time():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound, but nobody listens
        for scheme in ("", "ray://"):
            address = f"{scheme}127.0.0.1:{free.getsockname()[1]}"
            with pytest.raises(BackendError, match=f"no Ray cluster answers at {address} within 2 s"):
                open_pool("ray", PLAN, 1, address=address, seconds=2)


@pytest.mark.parametrize("address", ["cluster", "host:port", "ray://"])
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(BackendError, match="wanted host:port or ray://host:port"):
        open_pool("ray", PLAN, 1, address=address)


def test_a_cluster_of_another_version_is_told_with_both(monkeypatch):
    def init(**options):
        raise RuntimeError("Version mismatch: The cluster was started with: Ray: 2.9.0")

    other = SimpleNamespace(__version__="2.60.0", is_initialized=lambda: False, init=init)
    monkeypatch.setitem(sys.modules, "ray", other)
    with pytest.raises(BackendError, match=r"started with: Ray: 2.9.0; this side runs Ray 2.60.0"):
        open_pool("ray", PLAN, 1, address="auto")


def test_missing_ray_is_told_with_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(BackendError, match=r"Ray is not installed; `pip install hsokv\[ray\]`, or take processes"):
        open_pool("ray", PLAN, 1)
