"""Two processes, this one and another, for all laws: ranks with memories and models, saves into one folder."""

import math
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from torch import distributed, nn

from hsokv.cli.model import remember
from hsokv.exceptions import ConfigurationError, DataError
from hsokv.hub import HSOKVForSequenceClassification

from ..memory.made import KEY_DIM, Mixing, draw, draw_labels, empty
from .conftest import build


def rows_of(rank):
    """As many as the number of the rank and one more."""
    return draw(rank + 1, KEY_DIM, seed=rank), torch.full((rank + 1,), rank)


def write_to_a_memory(rank):
    memory = empty()
    with pytest.raises(ConfigurationError, match="gather=True"):
        memory.write(*rows_of(rank))
    assert len(memory) == 0
    model = nn.parallel.DistributedDataParallel(Mixing(memory))
    for _ in range(2):
        nn.functional.nll_loss(model(draw(4, KEY_DIM, seed=10 + rank)), draw_labels(4)).backward()
        memory.write(*rows_of(rank), gather=True)
    with pytest.raises(DataError, match="finite"):  # on both, so that none waits for the other
        memory.write(draw(1, KEY_DIM) * (math.nan if rank else 1), torch.tensor([0]), gather=True)
    model(draw(4, KEY_DIM))
    alone = empty()
    alone.write(draw(1, KEY_DIM), torch.tensor([2]), gather=False)
    return memory.state_dict(), len(alone)


def write_to_a_model(rank):
    model, text = build(), f"w{3 + rank} w4"
    model.remember([text] * (1 + rank), ["ab"[rank]] * (1 + rank))
    parallel = nn.parallel.DistributedDataParallel(model)
    parallel(input_ids=torch.tensor([[1, 2]]), labels=torch.tensor([rank])).loss.backward()
    return len(model), model.recall(text)[0].text


def save_often(rank, folder):
    model = build(capacity=500)
    model.save_pretrained(folder.with_name("taught"))
    model.remember([f"w{3 + rank}"], ["a"])
    distributed.barrier()
    for _ in range(10):
        model.save_pretrained(folder)


def work(rank, folder):
    ranks = {"rank": rank, "world_size": 2, "timeout": timedelta(minutes=3)}
    distributed.init_process_group("gloo", init_method=f"file://{folder}/ranks", **ranks)
    try:
        save_often(rank, folder / "model")
        torch.save((write_to_a_memory(rank), write_to_a_model(rank)), folder / str(rank))
    finally:
        distributed.destroy_process_group()
    for _ in range(5):
        remember(str(folder / "taught"), text=[f"w{3 + rank}"], label=["a"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("two")
    other = torch.multiprocessing.get_context("spawn").Process(target=work, args=(1, folder))
    other.start()
    work(0, folder)
    other.join()
    assert other.exitcode == 0
    return folder


def test_ranks_keep_the_rows_of_all(folder):
    (one, alone), (other, _) = (torch.load(folder / str(rank))[0] for rank in range(2))
    expected = empty()
    for rank in (0, 1, 0, 1):
        expected.write(*rows_of(rank))
    for name, part in one.items():
        assert torch.equal(part, other[name])
        assert name == "log_inverse_temperature" or torch.equal(part, expected.state_dict()[name])
    assert alone == 1


def test_ranks_of_a_model_keep_their_own_entries(folder):
    assert [torch.load(folder / str(rank))[1] for rank in range(2)] == [(4, "w3 w4"), (5, "w4 w4")]


def test_what_two_processes_remember_in_one_folder_at_once_is_all_there(folder):
    entries = HSOKVForSequenceClassification.from_pretrained(folder / "taught").entries.values()
    assert sorted(entry["text"] for entry in entries)[-10:] == ["w3"] * 5 + ["w4"] * 5


def test_saves_into_one_folder_take_turns(folder):
    entries = HSOKVForSequenceClassification.from_pretrained(folder / "model").entries.values()
    assert {entry["text"] for entry in entries} - {"w0 w1", "w1 w2", "w10 w11"} in ({"w3"}, {"w4"})
    assert {path.name[0] for path in (folder / "model").iterdir()}.isdisjoint("."), "nothing is left over"
