"""Tuning of the text encoder's top layers: by contrast, by cross-entropy, and on labels that descriptions gave.

The layers below are frozen and read once (`read_states`); what is tuned are the `Layer`s above, and a vector is still
the mean over a text's tokens of their states, over its norm. Losses over a batch of examples with labels y, z their
vectors, or for pairs of texts, which share the layers, their `pair_features`:

    contrast:       L = mean_i mean_{j: y_j = y_i, j != i} -log softmax_{j != i}(-||z_i - z_j||^2 / 2 T)[j]
    cross-entropy:  L = mean_i -log softmax(s W z_i + b)[y_i]

The first is supervised contrastive learning (Khosla et al. 2020), which SetFit (Tunstall et al. 2022) brought to few
shots: on unit vectors its softmax is that of z_i . z_j / T. Features of pairs keep their length, which says how alike
the two texts are. Both descend by Adam, the rate rising over the first tenth of the steps and falling to 0. Frozen
layers, shots and the given tensors are never changed, the global generator is never used; on one thread the same
arguments give the same bytes. Operations come by formula with the result (`step_flops`).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from hsokv.exceptions import ConfigurationError, DataError
from hsokv.learning.head import Head
from hsokv.model.encoder_layers import Affine, Layer, States, run_layers, take, text_vectors
from hsokv.model.text_encoder import INNER, WIDTH

WARM_UP = 0.1  # share of the steps over which the rate rises
DECAYS = (0.9, 0.999)  # of Adam's first and second moment
HEAD_SCALE = 10.0  # s: vectors have length 1, features of pairs up to 2.8


class TuningSettings(NamedTuple):
    """Adam's `learning_rate`, passes (`epochs`), examples a step (`batch`, at least 2), `temperature`."""

    learning_rate: float = 1e-4
    epochs: int = 1
    batch: int = 32
    temperature: float = 0.1


class Tuned(NamedTuple):
    """The tuned layers, the head (None without cross-entropy), and the FLOPs of all steps, forward and backward."""

    layers: tuple[Layer, ...]
    head: Head | None
    flops: int


Report = Callable[[str], None]


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
    layers: Sequence[Layer],
    states: States,
    labels: Tensor,
    settings: TuningSettings,
    generator: torch.Generator,
    report: Report = lambda line: None,
) -> Tuned:
    """Tune `layers` by contrast on examples given by the states below them; labels int64 [n], given or guessed.

    Raises DataError where there are not two examples and one label each, ConfigurationError for a setting out of range.
    """
    return _descend(layers, states, labels, None, settings, generator, report)


def fine_tune(
    layers: Sequence[Layer],
    states: States,
    labels: Tensor,
    classes: int,
    settings: TuningSettings,
    generator: torch.Generator,
    report: Report = lambda line: None,
) -> Tuned:
    """Tune `layers` and a linear head by cross-entropy; class logits are `x @ head.weight + head.bias` of `vectors`.

    The head starts at 0 and moves at a hundred times the rate. `temperature` is not read. Raises as `tune` does.
    """
    head = Head(torch.zeros(states.columns * WIDTH, classes), torch.zeros(classes))
    return _descend(layers, states, labels, head, settings, generator, report)


def project(x: Tensor, labels: Tensor, settings: TuningSettings) -> Tensor:
    """A linear map W [width, width] that draws classes together: `contrast` of normalised x W, from the identity.

    The encoder stays as it is: what is tuned are its unit vectors x [n, width], all of them in each of `epochs` steps
    (`batch` is not read), so nothing is drawn. Raises as `tune` does.
    """
    _check(len(x), labels, settings)
    weight = torch.eye(x.shape[1]).requires_grad_()
    moments = torch.zeros_like(weight), torch.zeros_like(weight)
    for step in range(settings.epochs):
        loss = contrast(functional.normalize(x @ weight, dim=1), labels, settings.temperature)
        _adam(weight, *torch.autograd.grad(loss, [weight]), *moments, step + 1, settings.learning_rate)
    return weight.detach()


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


def step_flops(lengths: Tensor, layers: int, classes: int = 0, columns: int = 1) -> int:
    """Operations of one step, forward and backward, on texts of these token counts; multiply and add count two.

    3 layers (t (8 d^2 + 4 d m) + 4 b l^2 d) - 6 t d^2 + 6 b d c for t tokens in b texts of at most l, width d = 384 and
    m = 1536 inside: a backward pass is two forward ones, except that the lowest layer's query, key and value pass
    nothing on. c is the head's `classes`, and without one the examples, b / `columns`: those of pairs are half as many
    and twice as wide. The matrix products, which is what torch.utils.flop_counter counts.

    >>> step_flops(torch.tensor([10, 10]), layers=3)
    622089216
    """
    texts, tokens, longest = len(lengths), int(lengths.sum()), int(lengths.max())
    forward = tokens * (8 * WIDTH**2 + 4 * WIDTH * INNER) + 4 * texts * longest**2 * WIDTH
    return 3 * layers * forward - 6 * tokens * WIDTH**2 + 6 * texts * WIDTH * (classes or texts // columns)


def _descend(
    layers: Sequence[Layer],
    states: States,
    labels: Tensor,
    head: Head | None,
    settings: TuningSettings,
    generator: torch.Generator,
    report: Report,
) -> Tuned:
    if not layers:
        raise ConfigurationError("layers: wanted at least one to tune, came none")
    _check(states.examples, labels, settings)
    layers = _each(layers, lambda weight: weight.clone().requires_grad_())
    head = head and Head(*(w.requires_grad_() for w in head))
    weights = [w for layer in layers for affine in layer for w in affine]
    rates = [settings.learning_rate] * len(weights) + [100 * settings.learning_rate] * len(head or ())
    weights += head or ()
    moments = [(torch.zeros_like(weight), torch.zeros_like(weight)) for weight in weights]
    batches = -(-len(labels) // settings.batch)
    step, steps, flops = 0, settings.epochs * batches, 0
    for epoch in range(settings.epochs):
        total = 0.0
        for rows in torch.randperm(len(labels), generator=generator).tensor_split(batches):
            batch = take(states, rows)
            z = text_vectors(run_layers(layers, batch))
            loss = (
                contrast(z, labels[rows], settings.temperature, unit=states.columns == 1)
                if head is None
                else functional.cross_entropy(HEAD_SCALE * z @ head.weight + head.bias, labels[rows])
            )
            slope = min(1, (step + 1) / (WARM_UP * steps)) * (1 - step / steps)
            step += 1
            for weight, gradient, moment, rate in zip(
                weights, torch.autograd.grad(loss, weights), moments, rates, strict=True
            ):
                _adam(weight, gradient, *moment, step, rate * slope)
            total += float(loss.detach())
            flops += step_flops(batch.lengths, len(layers), head.bias.numel() if head else 0, states.columns)
        report(f"epoch {epoch + 1} of {settings.epochs}: loss {total / batches:.3f}")
    layers = _each(layers, Tensor.detach)
    return Tuned(layers, head and Head(HEAD_SCALE * head.weight.detach(), head.bias.detach()), flops)


def _each(layers: Sequence[Layer], change: Callable[[Tensor], Tensor]) -> tuple[Layer, ...]:
    return tuple(Layer(*(Affine(*map(change, affine)) for affine in layer)) for layer in layers)


def _check(examples: int, labels: Tensor, settings: TuningSettings) -> None:
    if len(labels) != examples or examples < 2:
        raise DataError(f"wanted at least two examples and a label of each, came {examples} and {len(labels)}")
    learning_rate, epochs, batch, temperature = settings
    if learning_rate <= 0 or epochs < 1 or batch < 2 or temperature <= 0:
        raise ConfigurationError(
            f"wanted learning_rate and temperature above 0, at least 1 epoch and 2 examples a batch, came {settings}"
        )


@torch.no_grad()
def _adam(weight: Tensor, gradient: Tensor, first: Tensor, second: Tensor, step: int, rate: float) -> None:
    """One update in place; `step` counts from 1. torch.optim would load the compiler: 2 s a process."""
    slow, slower = DECAYS
    first.lerp_(gradient, 1 - slow)
    second.mul_(slower).addcmul_(gradient, gradient, value=1 - slower)
    size = (second / (1 - slower**step)).sqrt_().add_(1e-8)
    weight.addcdiv_(first, size, value=-rate / (1 - slow**step))
