import hashlib
import json
from dataclasses import asdict, replace

import pytest

from hsokv.exceptions import RecordError
from hsokv.records import (
    CostRecord,
    RunRecord,
    append_line,
    costs_path,
    read_costs,
    read_records,
    read_sealed,
    record_files,
    records_path,
    write_lines,
    write_sealed,
)

COSTS = [CostRecord("shots16", seed, 1.5, 2**20, "host", "cpu", 1) for seed in (13, 21, 42)]


@pytest.fixture
def record() -> RunRecord:
    run = {"benchmark": "sst2", "condition": "shots16", "arm": "knn", "seed": 13, "status": "done", "reason": None}
    origin = {"configuration": {"shots": 16}, "stamp": {"configuration": "a", "code": "b", "data": "c"}}
    origin |= {"version": "0.1.0", "data": {"name": "sst2", "synthetic": False, "split": "test"}}
    results = {"flops": {"allowed": 10, "spent": 7}, "scores": {"accuracy": 0.75, "log_loss": 0.1 + 0.2}}
    results |= {"outcomes": "1101", "shared_test": True, "curves": {"gate": [0.5, 0.25]}}
    return RunRecord(**run, **origin, **results, instruments={"name": "é\u2028", "nested": [{"a": None}]})


@pytest.fixture
def three(record, tmp_path):
    """A file of three runs, and the runs."""
    absent = {"status": "not run", "reason": "no network", "scores": {}, "outcomes": "", "curves": {}}
    records = [replace(record, seed=21), record, replace(record, seed=42, **absent)]
    write_lines(records_path("sst2", "knn", tmp_path), records)
    return records_path("sst2", "knn", tmp_path), records


def test_reading_inverts_writing_in_the_order_of_the_file(three):
    path, records = three
    write_lines(costs_path(path), COSTS)
    assert read_records(path) == records
    assert read_costs(path) == COSTS
    assert record_files(path.parents[1]) == [path]


def test_a_line_is_compact_sorted_json_and_the_same_bytes_for_the_same_run(three, record, tmp_path):
    lines = three[0].read_bytes().splitlines(keepends=True)
    assert len(lines) == 3
    content = json.loads(lines[1])
    assert lines[1] == json.dumps(content, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    assert b"0.30000000000000004" in lines[1]
    path = records_path("sst2", "knn", tmp_path / "other")
    write_lines(path, [])
    append_line(path, RunRecord(**dict(reversed(asdict(record).items()))))
    assert path.read_bytes() == lines[1]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"scores": {"accuracy": float("nan")}}, "scores.accuracy"),
        ({"scores": {"accuracy": "0.7"}}, "scores.accuracy"),
        ({"scores": {"log_loss": 1.0}}, "accuracy"),
        ({"curves": {"loss": [1.0, float("inf")]}}, "curves.loss.1"),
        ({"curves": {"loss": "abc"}}, "curves.loss"),
        ({"flops": {"allowed": "10", "spent": 7}}, "flops.allowed"),
        ({"flops": {"spent": 7}}, "flops"),
        ({"seed": "13"}, "seed"),
        ({"seed": True}, "seed"),
        ({"reason": 3}, "reason"),
        *(({"instruments": {"x": value}}, "instruments.x") for value in ((1, 2), {1: "a"}, object(), float("nan"))),
        ({"outcomes": "11x1"}, "outcomes"),
        ({"outcomes": "0001"}, "share of right outcomes"),
        ({"status": "failed"}, "status"),
        ({"status": "not run"}, "reason"),
        ({"stamp": {"code": "b"}}, "stamp"),
        ({"data": {"synthetic": False}}, "split"),
        ({"condition": "../a"}, "condition"),
    ],
)
def test_a_record_that_contradicts_itself_is_never_built(record, change, match):
    with pytest.raises(RecordError, match=match):
        replace(record, **change)


def resealed(**changes):
    """A change of the content, with the checksum of what it then is."""

    def change(line: bytes) -> bytes:
        content = json.loads(line) | changes
        del content["sha256"]
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        return json.dumps(content | {"sha256": digest}).encode()

    return change


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (lambda line: line[:40], "not whole JSON"),
        (lambda line: b"\xff\x00", "not whole JSON"),
        (lambda line: b"[" * 100_000, "not whole JSON"),
        (lambda line: b"[]", "list"),
        (lambda line: line.replace(b"0.75", b"NaN"), "finite"),
        (lambda line: line.replace(b'"seed":13', b'"seed":13,"seed":13'), "'seed' stands twice"),
        (lambda line: line.replace(b'"spent":7', b'"spent":6'), "changed"),
        (lambda line: line.replace(b'"outcomes"', b'"outcome"'), "changed"),
        (lambda line: line.replace(b'"sha256"', b'"sha"'), "checksum"),
        (resealed(more=1), "more"),
        (resealed(format="hsokv-record/2"), "format"),
        (resealed(seed="13"), "seed"),
        (resealed(seed=21), "seed 21"),  # as in the line before
        (resealed(arm="ridge"), "ridge"),
        (resealed(benchmark="mnli"), "mnli"),
        (resealed(arm="../knn"), "arm"),
    ],
)
def test_a_damaged_line_is_named_by_file_and_number_with_what_to_do(three, damage, match):
    path, _ = three
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([lines[0], damage(lines[1]), lines[2], b""]))
    with pytest.raises(RecordError, match=match) as error:
        read_records(path)
    assert f"{path}, line 2: " in str(error.value)
    assert "delete the file and run the same snakemake command again" in str(error.value)


def test_a_file_that_was_cut_off_copied_twice_emptied_or_is_missing_is_refused(three, tmp_path):
    path, _ = three
    whole = path.read_bytes()
    for content, match in ((whole[:-1], "line 3: cut off"), (whole * 2, "line 4: .*seed 21"), (b"", "no record")):
        path.write_bytes(content)
        with pytest.raises(RecordError, match=match):
            read_records(path)
    with pytest.raises(RecordError, match="not there"):
        read_records(tmp_path / "knn.jsonl")


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ('"device":"cpu",', "", "device"),
        ("1.5", "NaN", "finite"),
        ("1.5", '"1.5"', "wall_seconds"),
        pytest.param("1.5", "1" + "0" * 400, "wall_seconds", id="huge"),
        ('"shots16"', "[]", "condition"),
        ('"seconds":{}', '"seconds":[1]', "seconds"),
        ('"seconds":{}', '"seconds":{"read":["1"]}', "seconds.read"),
        ('"seconds":{}', '"seconds":{"read":[]}', "seconds.read"),
        ("\n", "", "cut off"),
    ],
)
def test_a_damaged_cost_is_named_though_it_has_no_checksum(three, old, new, match):
    path, _ = three
    write_lines(costs_path(path), COSTS[:1])
    costs_path(path).write_text(costs_path(path).read_text().replace(old, new))
    with pytest.raises(RecordError, match=rf"knn\.cost\.jsonl, line 1: .*{match}"):
        read_costs(path)


@pytest.mark.parametrize("name", ["a/b", "", "..", "a.b", "-a"])
def test_names_are_safe_in_paths(name):
    with pytest.raises(RecordError, match="not a name"):
        records_path("sst2", name)


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [("0.5", "0.25", "changed"), ('"sha256"', '"sha"', "checksum"), ("\n}", "", "not whole JSON")],
)
def test_a_sealed_document_that_was_changed_is_refused(tmp_path, old, new, match):
    path = tmp_path / "measured.json"
    write_sealed(path, {"rows": [{"throughput": 0.5}], "cores": 2})
    assert read_sealed(path) == {"rows": [{"throughput": 0.5}], "cores": 2}
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(RecordError, match=f"{match}.*delete the file"):
        read_sealed(path)
