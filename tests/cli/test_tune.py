"""`hsokv tune` on a small model of contexts."""

import json

import pytest

from hsokv.hub import HSOKVForSequenceClassification

from .test_model import folder, table

__all__ = ["folder", "table"]


def test_tune_trains_and_remembers_the_table(run, folder, table, tmp_path):
    before = (folder / "model.safetensors").read_bytes()
    more = ("--iterations", "4", "--gate", "0.25", "--output", tmp_path / "tuned", "--json")
    result = run("tune", folder, "--file", table, *more)
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert (told["texts"], told["steps"], told["entries"], told["model"]) == (3, 4, 6, str(tmp_path / "tuned"))
    assert told["flops"] > 0
    tuned = HSOKVForSequenceClassification.from_pretrained(tmp_path / "tuned")
    assert (tuned.gate, len(tuned)) == (0.25, 6)
    assert (folder / "model.safetensors").read_bytes() == before
    assert "loss" in run("tune", folder, "--file", table, "--iterations", "1").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--gate", "1"), "nothing to train"),
        (("--label", "topic"), "the column 'topic' is missing"),
        ((), "unknown label 'z'"),
        (("--device", "cdua"), "--device: unknown name 'cdua'; did you mean 'cuda'?"),
    ],
)
def test_what_cannot_be_tuned_is_refused_and_left_as_it_was(run, folder, table, arguments, message):
    before = (folder / "model.safetensors").read_bytes()
    table.write_text("text,label\nw0 w1,z\n" if "--gate" not in arguments else table.read_text())
    result = run("tune", folder, "--file", table, *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert message in result.stderr
    assert (folder / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("--learning-rate", "nan"),
        ("--learning-rate", "inf"),
        ("--learning-rate", "-1"),
        ("--iterations", "0"),
        ("--iterations", "1e9"),
        ("--seed", str(2**64)),
    ],
)
def test_numbers_that_are_none_or_out_of_range_are_wrong_usage(run, folder, table, arguments):
    assert run("tune", folder, "--file", table, *arguments).exit_code == 2
