import json
from dataclasses import asdict, replace

import pytest

from hsokv.exceptions import RecordError
from hsokv.records import (
    CostRecord,
    RunRecord,
    cost_path,
    read_cost,
    read_record,
    read_sealed,
    record_path,
    write_record,
    write_sealed,
)

COST = CostRecord(1.5, 2**20, "host", "cpu", 1)


@pytest.fixture
def record() -> RunRecord:
    return RunRecord(
        benchmark="sst2",
        condition="shots16",
        arm="knn",
        seed=13,
        status="done",
        reason=None,
        configuration={"shots": 16},
        stamp={"configuration": "a", "code": "b", "data": "c"},
        version="0.1.0",
        data={"name": "sst2", "synthetic": False, "evaluate_on": "final"},
        flops={"allowed": 10, "spent": 7},
        scores={"accuracy": 0.75, "log_loss": 0.1 + 0.2},
        outcomes="1101",
        shared_test=True,
        curves={"gate": [0.5, 0.25]},
        instruments={"name": "é", "nested": [{"a": None}]},
    )


def test_read_inverts_write(record, tmp_path):
    path = write_record(record, COST, tmp_path)
    assert path == record_path("sst2", "shots16", "knn", 13, tmp_path)
    assert read_record(path) == record
    assert read_cost(path) == COST
    assert sorted(p.name for p in path.parent.iterdir()) == ["seed13.cost.json", "seed13.json"]


def test_same_record_same_bytes(record, tmp_path):
    first = write_record(record, None, tmp_path / "a").read_bytes()
    shuffled = RunRecord(**dict(reversed(asdict(record).items())))
    path = write_record(shuffled, COST, tmp_path / "b")
    assert path.read_bytes() == first
    assert first.endswith(b"}\n")
    assert b"0.30000000000000004" in first
    assert list(json.loads(first)) == sorted(json.loads(first))


def test_not_run_is_kept_with_its_reason(record, tmp_path):
    absent = replace(record, status="not run", reason="no network", scores={}, outcomes="", curves={})
    assert read_record(write_record(absent, None, tmp_path)).reason == "no network"


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"scores": {"accuracy": float("nan")}}, r"scores.accuracy is nan: only finite"),
        ({"curves": {"loss": [1.0, float("inf")]}}, r"curves.loss\[1\] is inf"),
        ({"scores": {"accuracy": "0.7"}}, "not a number"),
        ({"scores": {"log_loss": 1.0}}, "wants an accuracy"),
        ({"seed": "13"}, "seed is str"),
        ({"seed": True}, "seed is bool"),
        ({"instruments": {"shape": (1, 2)}}, "instruments.shape is a tuple"),
        ({"outcomes": "11x1"}, "other than 0 and 1"),
        ({"outcomes": "0001"}, "not the share of right outcomes"),
        ({"status": "failed"}, "status is 'failed'"),
        ({"status": "not run"}, "wants a reason, no score"),
        ({"stamp": {"code": "b"}}, "stamp holds"),
        ({"flops": {"spent": 7}}, "flops holds"),
        ({"data": {"synthetic": False}}, "data misses evaluate_on"),
    ],
)
def test_a_record_that_contradicts_itself_is_never_built(record, change, match):
    with pytest.raises(RecordError, match=match):
        replace(record, **change)


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (lambda text: text[:-40], "not whole JSON"),
        (lambda text: "[]", "wanted a JSON object, came list"),
        (lambda text: text.replace('"outcomes"', '"outcome"'), "misses outcomes"),
        (lambda text: text.replace('"arm"', '"more": 1, "arm"'), "unknown keys more"),
        (lambda text: text.replace("record/2", "record/1"), "of format 'hsokv-record/2'"),
        (lambda text: text.replace("0.75", "NaN"), "only finite"),
        (lambda text: text.replace('"knn"', '"ridge"'), "record of another run, sst2/shots16/ridge/seed13.json"),
        (lambda text: text.replace('"knn"', '"../knn"'), "wanted a name"),
        (lambda text: text.replace('"spent": 7', '"spent": 6'), "a value in it was changed"),
        (lambda text: text.replace('"seed": 13', '"seed": 13, "seed": 13'), "'seed' stands twice"),
    ],
)
def test_a_damaged_record_is_named_with_the_way_to_remake_it(record, tmp_path, damage, match):
    path = write_record(record, None, tmp_path)
    path.write_text(damage(path.read_text()))
    with pytest.raises(RecordError, match=match) as error:
        read_record(path)
    assert str(path) in str(error.value)
    assert "delete the file and run the same snakemake command again" in str(error.value)


def test_a_missing_record_and_a_broken_cost_are_record_errors(record, tmp_path):
    with pytest.raises(RecordError, match="not there"):
        read_record(tmp_path / "seed1.json")
    path = write_record(record, COST, tmp_path)
    cost_path(path).write_text("{}")
    with pytest.raises(RecordError, match="misses device"):
        read_cost(path)


@pytest.mark.parametrize("name", ["a/b", "", "..", "a.b", "-a"])
def test_names_are_safe_in_paths(name):
    with pytest.raises(RecordError, match="wanted a name"):
        record_path("sst2", name, "knn", 13)


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (lambda text: text.replace("0.5", "0.25"), "was changed.*delete the file"),
        (lambda text: text.replace('"sha256"', '"sha"'), "wanted a checksum.*came none.*delete the file"),
        (lambda text: text[:-4], "not whole JSON.*delete the file"),
    ],
)
def test_a_sealed_document_that_was_changed_is_refused(tmp_path, damage, match):
    path = tmp_path / "measured.json"
    write_sealed(path, {"rows": [{"throughput": 0.5}], "cores": 2})
    assert read_sealed(path) == {"rows": [{"throughput": 0.5}], "cores": 2}
    path.write_text(damage(path.read_text()))
    with pytest.raises(RecordError, match=match):
        read_sealed(path)
