"""A map over workers: the same results on every backend, whatever becomes of the workers, and reasons that are said."""

import math
import os
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace

import psutil
import pytest
import torch

from hsokv.arms.population import fit_swarm, swarm_settings
from hsokv.distributed import executors
from hsokv.distributed.executors import Limits, open_executor
from hsokv.exceptions import BackendError, ConfigurationError
from hsokv.learning.budget import Budget

from . import jobs
from .runs import PATIENT, PLANS, assert_same, run

WITHOUT_RAY = "Ray is not installed: its tests need `pip install hsokv[ray]`"
RAY = [
    pytest.mark.xdist_group("ray"),  # one cluster at a time
    # Of Ray's own making: it forks and opens files that it leaves to the collector, and warns of its next default.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning:ray"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
BACKENDS = ["processes", pytest.param("ray", marks=RAY)]


@pytest.fixture(scope="module")
def ray_cluster():
    """A head without cores and two nodes of one core each, to which this process is connected."""
    ray = pytest.importorskip("ray", reason=WITHOUT_RAY)
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(2):
        cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    ray.init(address=cluster.address, log_to_driver=False, logging_level="error")
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@contextmanager
def said_in_time(words, seconds=60):
    """Half of what Ray itself waits at a silent address, however busy the machine is."""
    start = time.monotonic()
    with pytest.raises(BackendError, match=words):
        yield
    assert time.monotonic() - start < seconds


@pytest.fixture
def backend(request):
    if request.param == "ray":
        request.getfixturevalue("ray_cluster")
    return request.param


@pytest.mark.parametrize("backend", BACKENDS, indirect=True)
def test_parts_come_back_in_order_although_a_worker_is_killed_and_a_result_is_refused(backend, tmp_path):
    with open_executor(backend, 2, limits=PATIENT) as executor:
        assert executor.map(jobs.double, range(5)) == [0, 2, 4, 6, 8]
        parts = [(str(tmp_path / "killed"), number) for number in range(4)]
        assert executor.map(jobs.killed_once, parts) == [0, 2, 4, 6]
        assert len(executor.lost) >= 1
        parts = [(str(tmp_path / "nan"), number) for number in range(4)]
        assert executor.map(jobs.nan_once, parts, math.isfinite) == [0, 2, 4, 6]


@pytest.mark.parametrize("backend", BACKENDS, indirect=True)
def test_a_search_ends_with_the_bits_of_one_process(backend):
    assert_same(run(backend, 2, PLANS["population"]), run(plan=PLANS["population"]))


def test_a_worker_that_does_not_answer_is_replaced_and_without_restarts_those_left_go_on(tmp_path):
    for job, limits in ((jobs.stuck_once, {"seconds": 3}), (jobs.killed_once, {"restarts": 0})):
        with open_executor("processes", 2, limits=PATIENT._replace(**limits)) as executor:
            parts = [(str(tmp_path / job.__name__), number) for number in range(6)]
            assert executor.map(job, parts) == [0, 2, 4, 6, 8, 10]
            assert executor.lost


@pytest.mark.parametrize("backend", ["single", *BACKENDS], indirect=True)
def test_a_function_that_cannot_be_computed_ends_the_map_with_the_reason(backend, tmp_path, monkeypatch):
    (tmp_path / "only_here.py").write_text("def double(number):\n    return 2 * number\n")
    cases = {
        jobs.fails: "cannot run tests.distributed.jobs.fails: ValueError: there is no such policy",
        jobs.ends: "SystemExit: 0",
        jobs.unsendable: "unsendable.*(pickle|local object)",
        jobs.unloadable: "ValueError: there is no such policy",
        (lambda part: part): "lambda.*cannot be sent to a worker",
    }
    for function, words in cases.items():
        with open_executor(backend, 1) as executor:
            with pytest.raises(BackendError, match=words):
                executor.map(function, [1])
            with pytest.raises(BackendError, match="no worker is left: they are closed"):
                executor.map(jobs.double, [1])  # no answer of the first map can come to it
    if backend == "single":
        return
    with open_executor(backend, 1) as executor:
        monkeypatch.syspath_prepend(tmp_path)
        from only_here import double

        with pytest.raises(BackendError, match=r"No module named 'only_here'\. Put it in a module"):
            executor.map(double, [1])


@pytest.mark.parametrize("function", [jobs.always_killed, jobs.killed_in_an_answer])
def test_workers_that_die_again_and_again_end_the_map_with_the_reason(function):
    executor = open_executor("processes", 1, limits=PATIENT._replace(restarts=1))
    with executor, pytest.raises(BackendError, match=r"no worker is left: .*(SIGSEGV|exit code 9)"):
        executor.map(function, [1])


def test_threads_may_share_an_executor_and_a_part_may_take_for_ever():
    limits = Limits(math.inf, math.inf)
    with open_executor("processes", 2, limits=limits) as executor, ThreadPoolExecutor(4) as threads:
        numbers = [range(start, start + 30) for start in range(0, 120, 30)]
        results = threads.map(lambda own: executor.map(jobs.double, own), numbers)
        assert list(results) == [[2 * number for number in own] for own in numbers]


def test_a_part_that_is_refused_again_and_again_ends_the_map():
    with open_executor("single", 1) as executor, pytest.raises(BackendError, match="refused 3 times"):
        executor.map(float, ["nan"], math.isfinite)


@pytest.mark.parametrize("backend", BACKENDS, indirect=True)
def test_closing_leaves_no_worker_and_nothing_that_it_started(backend):
    with open_executor(backend, 2) as executor:
        assert os.getpid() not in executor.pids.values()
        left = list(executor.pids.values()) + (executor.map(jobs.forks, range(2)) if backend == "processes" else [])
        left = [psutil.Process(pid) for pid in left]
    assert not psutil.wait_procs(left, timeout=60)[1]


@pytest.mark.parametrize(
    ("backend", "workers", "options", "words"),
    [
        ("threads", 1, {}, "unknown name 'threads'"),
        ("single", 2, {}, "expected 1 with backend single, got 2"),
        ("processes", 0, {}, "expected at least 1"),
        ("processes", 2.5, {}, "expected at least 1 with backend processes, got 2.5"),
        ("processes", 1, {"address": "host:1"}, "only for backend ray"),
        *(
            ("single", 1, {"limits": bad}, "limits: expected positive")
            for bad in (Limits(0), Limits(math.nan), Limits(1, -1), Limits(restarts=-1))
        ),
    ],
)
def test_bad_settings_are_refused(backend, workers, options, words):
    with pytest.raises(ConfigurationError, match=words):
        open_executor(backend, workers, **options)


@pytest.mark.parametrize("address", ["", "host:port", "::1:6379", "[::1", "http://host:1"])
def test_an_address_that_is_none_is_refused(address):
    pytest.importorskip("ray", reason=WITHOUT_RAY)
    with pytest.raises(BackendError, match="expected host:port or ray://host:port"):
        open_executor("ray", 1, address=address)


@pytest.mark.parametrize("listens", [False, True], ids=["nobody", "somebody else"])
def test_an_address_where_no_ray_answers_is_said_in_time(listens, monkeypatch):
    pytest.importorskip("ray", reason=WITHOUT_RAY)
    monkeypatch.setattr(executors, "RAY_ANSWER_SECONDS", 1.0)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        if listens:  # and never says a word
            other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with said_in_time(f"no Ray cluster answers at {address}"):
            open_executor("ray", 1, address=address)


def test_ray_that_is_missing_of_another_version_or_in_a_thread_is_said_with_what_to_do(monkeypatch):
    def init(**options):
        raise RuntimeError("Version mismatch: The cluster was started with: Ray: 2.9.0")

    other = SimpleNamespace(__version__="2.60.0", is_initialized=lambda: False, init=init)
    for ray, words in ((None, r"pip install hsokv\[ray\]"), (other, r"started with: Ray: 2.9.0.*runs Ray 2.60.0")):
        monkeypatch.setitem(sys.modules, "ray", ray)
        with pytest.raises(BackendError, match=words):
            open_executor("ray", 1, address="auto")
    with ThreadPoolExecutor(1) as thread, pytest.raises(BackendError, match="cannot start in a thread"):
        thread.submit(open_executor, "ray", 1).result()  # Linux would end its servers with the thread


@pytest.mark.xdist_group("ray")
class TestCluster:
    """Cores that are taken, workers that cannot start, and a node that is removed."""

    pytestmark = RAY[1:]

    def test_cores_that_are_taken_are_said_with_numbers(self, ray_cluster, monkeypatch):
        with open_executor("ray", 2):
            monkeypatch.setattr(executors, "RAY_ANSWER_SECONDS", 1.0)
            with said_in_time("2 cores, 0 of them free"):
                open_executor("ray", 1)
        with said_in_time("3 need one core each, but the Ray cluster has 2 cores"):
            open_executor("ray", 3)

    def test_an_address_of_another_cluster_is_refused_while_one_is_connected(self, ray_cluster):
        host, port = ray_cluster.head_node.gcs_address.split(":")
        with socket.create_server((host, 0)) as other:
            threading.Thread(target=lambda: other.accept()[0].sendall(bytes(3) + b"\x04"), daemon=True).start()
            with pytest.raises(BackendError, match=f"connected to Ray at {host}:{port}"):
                open_executor("ray", 1, address=f"{host}:{other.getsockname()[1]}")

    def test_a_removed_node_costs_no_result(self, ray_cluster):
        node = ray_cluster.add_node(num_cpus=1)
        ray_cluster.wait_for_nodes()
        with open_executor("ray", 3, address=ray_cluster.address, limits=Limits(60, 120, 3)) as executor:
            assert executor.map(jobs.double, range(6)) == [0, 2, 4, 6, 8, 10]
            ray_cluster.remove_node(node, allow_graceful=False)
            assert executor.map(jobs.double, range(40)) == [2 * number for number in range(40)]

    # The last: Ray goes on for a minute to start what cannot be started.
    @pytest.mark.parametrize(
        ("environment", "words"),
        [
            ({"py_executable": "/missing/python"}, "worker 0 cannot start: no answer.*logs"),
            ({"working_dir": "https://127.0.0.1:9/none.zip"}, "worker 0 cannot start: "),
        ],
    )
    def test_a_worker_that_cannot_start_is_said_in_time(self, ray_cluster, environment, words):
        with said_in_time(words):
            open_executor("ray", 1, runtime_env=environment, limits=Limits(start_seconds=2))


def test_a_study_swarm_whose_managers_are_workers_ends_with_the_same_bits(make_episode, settings):
    def fit(executor):
        budget, generator = Budget(10**8), torch.Generator().manual_seed(0)
        fitted = fit_swarm(make_episode("shots"), settings, swarm_settings(settings), budget, generator, executor)
        return fitted, budget.spent

    here, spent = fit(None)
    with open_executor("processes", 2, limits=PATIENT) as executor:
        there, spent_there = fit(executor.map)
    assert spent == spent_there
    assert here.curves == there.curves
    assert here.instruments == there.instruments
    queries = make_episode("shots").test.x
    assert torch.equal(here.predict(queries).log_probs, there.predict(queries).log_probs)
