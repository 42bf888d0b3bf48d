"""Tuning of the top layers of any text encoder: by contrast, by cross-entropy, and on labels that descriptions gave.

The layers below are frozen and read once (`TextEncoder.states`); what is tuned are those above. Losses over a batch of
examples with labels y, z their vectors, or for pairs of texts, which share the layers, their `pair_features`:

    contrast:       L = mean_i mean_{j: y_j = y_i, j != i} -log softmax_{j != i}(-||z_i - z_j||^2 / 2 T)[j]
    cross-entropy:  L = mean_i -log softmax(s W z_i + b)[y_i]

The first is supervised contrastive learning (Khosla et al. 2020), which SetFit (Tunstall et al. 2022) brought to few
shots: on unit vectors its softmax is that of z_i . z_j / T. Features of pairs keep their length, which says how alike
the two texts are. Both descend by Adam, the rate rising over the first tenth of the steps and falling to 0. The given
encoder is never changed, the global generator is never used; on one thread the same arguments give the same bytes.
Operations come by formula with the result (`step_flops`).
"""

import copy
from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from hsokv.encoders.texts import Size, States, TextEncoder, encoder_flops, packs
from hsokv.exceptions import ConfigurationError, DataError

WARM_UP = 0.1  # share of the steps over which the rate rises
HEAD_SCALE = 10.0  # s: vectors have length 1, features of pairs up to 2.8


class TuningSettings(NamedTuple):
    """Adam's `learning_rate`, passes (`epochs`), examples a step (`batch`, at least 2), `temperature` T."""

    learning_rate: float = 1e-4
    epochs: int = 1
    batch: int = 32
    temperature: float = 0.1


class Tuned(NamedTuple):
    """The encoder with tuned layers, and the FLOPs of all steps, forward and backward."""

    encoder: TextEncoder
    flops: int


def contrast(z: Tensor, labels: Tensor, temperature: float, unit: bool = True) -> Tensor:
    """Supervised contrastive loss in nats of z [n, width], as above; an example alone in its class adds 0.

    `unit`: all z have length 1, which saves their squares.

    >>> close, far = (torch.tensor([[1.0, 0], [1, 0], [x, 1 - x], [x, 1 - x]]) for x in (0.0, 1.0))
    >>> labels = torch.tensor([0, 0, 1, 1])
    >>> round(float(contrast(close, labels, 0.1)), 3), round(float(contrast(far, labels, 0.1)), 3)  # log 3
    (0.0, 1.099)
    """
    itself = torch.eye(len(z), dtype=torch.bool)
    # Not minus infinity: it times the 0 of "no partner" is not a number.
    # -||z_i - z_j||^2 / 2, less what is the same for all j.
    nearness = z @ z.mT if unit else z @ z.mT - z.square().sum(1) / 2
    log_share = (nearness / temperature).masked_fill(itself, -1e9).log_softmax(-1)
    partner = (labels.unsqueeze(1) == labels) & ~itself
    return -((log_share * partner).sum(-1) / partner.sum(-1).clamp(min=1)).mean()


def tune(
    encoder: TextEncoder,
    states: States,
    labels: Tensor,
    settings: TuningSettings,
    generator: torch.Generator,
    loss: Literal["contrast", "cross_entropy"] = "contrast",
) -> Tuned:
    """Tune the layers of `encoder`, which read states, by a loss on labels int64 [n], given or guessed.

    Cross-entropy reads no `temperature`, and has a linear head, which is not kept: it starts at 0 and moves at a
    hundred times the rate. Raises ConfigurationError for an encoder without layers.
    """
    rate, epochs, size, temperature = settings
    if not encoder.size.layers:
        raise ConfigurationError("layers: wanted at least one to tune, came none")
    layers = copy.deepcopy(encoder.layers).requires_grad_()
    tuned = encoder.with_layers(layers, from_states=True)
    groups, head = [{"params": list(layers.parameters()), "lr": rate}], None
    if loss == "cross_entropy":
        head = nn.utils.skip_init(nn.Linear, states.columns * encoder.size.width, int(labels.max()) + 1)
        for part in head.parameters():
            nn.init.zeros_(part)
        groups.append({"params": list(head.parameters()), "lr": 100 * rate})
    batches = -(-len(labels) // size)
    steps, flops = epochs * batches, 0
    optimiser = torch.optim.Adam(groups)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1, (step + 1) / (WARM_UP * steps)) * (1 - step / steps)
    )
    for _ in range(epochs):
        for rows in torch.randperm(len(labels), generator=generator).tensor_split(batches):
            batch = states.take(rows)
            z = tuned.packed_vectors(batch)
            if head is None:
                value = contrast(z, labels[rows], temperature, unit=states.columns == 1)
            else:
                value = functional.cross_entropy(head(HEAD_SCALE * z), labels[rows])
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            schedule.step()
            lengths = [len(text) for text in batch.tokens]
            flops += step_flops(lengths, tuned.size, head.out_features if head else 0, states.columns)
    layers.requires_grad_(False).zero_grad()
    return Tuned(tuned, flops)


def pseudo_labels(described: Tensor, labels: Tensor, pool: Tensor, fraction: float) -> tuple[Tensor, Tensor]:
    """(rows, labels): the pool's texts that descriptions of the labels are surest of, `fraction` of the pool a class.

    A text's class is that of the nearest mean by cosine, it is the surer the further the second is; descriptions and
    pool are centred, each on its own mean. A class that has fewer texts than its share gives what it has.

    Args:
        described: vectors [m, width] of the descriptions, of classes `labels` int64 [m], every class among them.
        pool: vectors [n, width] of texts without labels.
        fraction: in (0, 1 / classes].

    Raises:
        ConfigurationError: a fraction outside its range, or one that is less than a text.
        DataError: a class without a description, or one that no text of the pool is nearest to.

    >>> described, pool = torch.tensor([[1.0, 0], [-1, 0]]), torch.tensor([[3.0, 1], [1, 1], [-3, -1], [-1, -1]])
    >>> pseudo_labels(described, torch.tensor([0, 1]), pool, fraction=0.25)
    (tensor([0, 2]), tensor([0, 1]))
    """
    described_texts = torch.bincount(labels)
    classes, count = len(described_texts), int(fraction * len(pool))
    if classes < 2 or int(described_texts.min()) == 0:
        raise DataError(f"pseudo labels: wanted descriptions of two classes or more, came {described_texts.tolist()}")
    if not 0 < fraction <= 1 / classes or count < 1:
        raise ConfigurationError(
            f"pseudo_label_fraction: wanted a part of the pool in (0, {1 / classes:.3g}] and at least one text, "
            f"came {fraction} of {len(pool)} texts"
        )
    around, found = (functional.normalize(x - x.mean(0), dim=1) for x in (described, pool))
    means = functional.normalize(torch.stack([around[labels == label].mean(0) for label in range(classes)]), dim=1)
    (best, second), (nearest, _) = (part.unbind(1) for part in (found @ means.mT).topk(2, dim=1))
    surest = (best - second).argsort(descending=True, stable=True)
    rows = [surest[nearest[surest] == label][:count] for label in range(classes)]
    if empty := [label for label, own in enumerate(rows) if not len(own)]:
        raise DataError(f"pseudo labels: no text of {len(pool)} is nearest to class {empty[0]}; take a larger pool")
    return torch.cat(rows), torch.arange(classes).repeat_interleave(torch.tensor([len(own) for own in rows]))


def step_flops(lengths: Sequence[int], size: Size, classes: int = 0, columns: int = 1) -> int:
    """Operations of one step, forward and backward, on texts of these token counts; multiply and add count two.

    3 F - 6 t d^2 + 6 b d c for t tokens in b texts, F of `encoder_flops` of the tuned layers on sequences of several
    texts (`packs`), d wide: a backward pass is two forward ones, except that the lowest layer's query, key and value
    pass nothing on. c is the head's `classes`, and without one the examples, b / `columns`: those of pairs are half as
    many and twice as wide. The matrix products, which is what torch.utils.flop_counter counts.

    >>> step_flops([10, 10], Size(width=384, layers=3, inner=1536))
    624854016
    """
    outputs, packed = classes or len(lengths) // columns, [sum(lengths[row] for row in rows) for rows in packs(lengths)]
    return 3 * encoder_flops(packed, size) + 6 * size.width * (len(lengths) * outputs - sum(lengths) * size.width)
