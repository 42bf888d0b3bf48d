"""Laws of the memory as a module: forgetting and merging."""

import copy

import torch

from .modules import KEY_DIM, NOTHING, content, draw, empty, filled, same_reads, snapshot, unchanged


def test_forgetting_a_label_leaves_the_others_as_they_were():
    memory = filled()
    expected = [entry for entry in content(memory) if entry[2] != 1]
    memory.forget(label=1)
    assert content(memory) == expected
    before = snapshot(memory)
    memory.forget(label=1)
    assert unchanged(memory, before)


def test_slots_and_their_mask_forget_the_same():
    features = draw(12, KEY_DIM)
    one, other = filled(), filled()
    one.forget(one.read(features[:3], k=1).slots)
    other.forget(torch.arange(20) < 3)
    assert content(one) == content(other) == content(filled())[3:]
    assert one.read(features[:1], k=1).similarity < 0.999


def test_forgetting_free_slots_or_none_changes_nothing():
    memory = filled()
    before = snapshot(memory)
    memory.forget(torch.tensor([19]))
    memory.forget(NOTHING)
    assert unchanged(memory, before)


def test_merging_commutes_in_content():
    one, other = filled(8, seed=1, origin=1), filled(9, seed=2, origin=2)
    backward = copy.deepcopy(other)
    backward.merge(one)
    one.merge(other)
    assert len(one) == 17
    assert content(one) == content(backward)
    assert same_reads(one, backward, draw(5, KEY_DIM, seed=3))


def test_merging_twice_is_merging_once_and_only_the_capacity_of_one_counts():
    one, other = filled(8, seed=1, origin=1, capacity=10), filled(30, seed=2, origin=2, capacity=30)
    one.merge(filled(0, origin=3))
    assert len(one) == 8
    one.merge(other)
    assert len(one) == 10
    assert one.count.sum() == 38
    other = empty(origin=4)
    other.merge(filled(8, seed=1, origin=1))
    once = content(other)
    other.merge(filled(8, seed=1, origin=1))
    assert content(other) == once
