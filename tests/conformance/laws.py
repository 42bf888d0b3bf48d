"""What the lists of laws share."""

import json

import torch


def same(a, b):
    """Whether two tuples hold the same bits, or None in the same places."""
    return all(x is y is None or torch.equal(x, y) for x, y in zip(a, b, strict=True))


def told(fitted):
    """What goes into the record; it has to be JSON."""
    kept = json.loads(json.dumps([fitted.curves, fitted.instruments], allow_nan=False))
    assert kept == [fitted.curves, fitted.instruments]
    assert all(isinstance(value, int | float) for curve in fitted.curves.values() for value in curve)
    return kept


def in_pieces(predict, x):
    """The log-probabilities of queries asked in pieces and in another order, put back into theirs."""
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    return torch.cat([predict(part).log_probs for part in x[order].split(7)])[order.argsort()]


def check_memory(prediction, memory):
    """Entries by their index, similarities and gates in [0, 1]; None where there is no memory."""
    if memory is None:
        assert prediction[1:] == (None,) * 4
        return
    queries, entries = len(prediction.log_probs), len(memory["labels"])
    assert {len(memory[name]) for name in ("counts", "numbers", "origins")} == {entries}
    assert prediction.top_entries.shape[1:] == prediction.gate.shape == (queries,)
    assert ((prediction.top_entries >= 0) & (prediction.top_entries < entries)).all()
    for part in (prediction.top_similarity, prediction.gate):
        assert ((part >= 0) & (part <= 1)).all()


def check_distributions(log_probs, seen):
    """Rows sum to one over the `seen` classes that have come; others are impossible."""
    assert torch.isneginf(log_probs[:, seen:]).all()
    assert torch.isfinite(log_probs[:, :seen]).all()
    torch.testing.assert_close(log_probs.logsumexp(-1), torch.zeros(len(log_probs)), rtol=0, atol=1e-5)
