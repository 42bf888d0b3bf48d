"""The few-shot episode: what a method may learn from, be ranked on, be calibrated on, and is tested on."""

from typing import NamedTuple

import torch
from torch import Tensor

from hsokv.exceptions import DataError


class Shots(NamedTuple):
    """Labelled feature vectors: `x` float [n, key_dim], `y` int64 [n]."""

    x: Tensor
    y: Tensor


class Fold(NamedTuple):
    """A small problem with its answer sheet: learn from `fit`, be scored on `score`."""

    fit: Shots
    score: Shots


class Background(NamedTuple):
    """What labelled data that are not part of the task (frequent words) leave.

    `within` [key_dim, key_dim] is the pooled within-class covariance, `degrees` its degrees of freedom, `between`
    [key_dim, key_dim] the covariance of the class means; `key_map` and `query_map` [key_dim, directions] were learnt on
    the data at a cost of `map_flops`, which every arm that reads by them is charged.
    """

    within: Tensor
    degrees: int
    between: Tensor
    key_map: Tensor | None = None
    query_map: Tensor | None = None
    map_flops: int = 0


class Episode(NamedTuple):
    """One few-shot task: hyperparameters are ranked on `folds`, the gate is fitted on `dev`, `test` is read once.

    All parts have the same number of `classes` and share one feature space of unit vectors. The first `described` rows
    of everything that is learnt from (train, and `fit` of dev and folds) are no labelled examples: descriptions of the
    labels, or texts that these labelled.
    """

    folds: tuple[Fold, ...]
    dev: Fold
    train: Shots
    test: Shots
    classes: int
    background: Background | None = None
    described: int = 0


def check_shots(name: str, shots: Shots, first: int, classes: int, fewest: int, key_dim: int | None = None) -> Shots:
    """Refuse features that are not finite or not `key_dim` wide, labels outside first .. first + classes - 1, and
    classes with fewer than `fewest` examples, with a DataError about `name`; return the shots unchanged.

    >>> check_shots("train", Shots(torch.ones(2, 3), torch.tensor([0, 1])), first=0, classes=2, fewest=1).y
    tensor([0, 1])
    """
    x, y = shots
    if x.ndim != 2 or (key_dim or x.shape[1]) != x.shape[1] or y.shape != x.shape[:1] or len(y) == 0:
        wanted, got = f"features [n, {key_dim or 'key_dim'}] and n labels, n > 0", f"{tuple(x.shape)}, {tuple(y.shape)}"
    elif not (finite := torch.isfinite(x).all(1)).all():
        wanted, got = "finite features", f"{int((~finite).sum())} feature rows that are not finite; remake the features"
    elif int(y.min()) < first or int(y.max()) >= first + classes:
        wanted, got = f"its own labels, {first}..{first + classes - 1}", f"{int(y.min())}..{int(y.max())}"
    elif int((counts := torch.bincount(y - first, minlength=classes)).min()) < fewest:
        wanted = f"at least {fewest} examples of every class"
        got = f"{int(counts.min())} of class {first + int(counts.argmin())}"
    else:
        return shots
    raise DataError(f"{name}: wanted {wanted}, got {got}")


def check_episode(episode: Episode) -> Episode:
    """Refuse what `check_shots` does, in all that is learnt from and scored; return the episode unchanged."""
    check_shots("train", episode.train, 0, episode.classes, fewest=1)
    check_shots("test", episode.test, 0, episode.classes, fewest=0)
    for name, fold in (("dev", episode.dev), *((f"fold {i}", fold) for i, fold in enumerate(episode.folds))):
        check_shots(f"{name}.fit", fold.fit, 0, episode.classes, fewest=1)
        check_shots(f"{name}.score", fold.score, 0, episode.classes, fewest=0)
    return episode


def centre(x: Tensor, mean: Tensor) -> Tensor:
    """Unit vectors around a mean: (x - mean) / ||x - mean||; `x` [..., key_dim], `mean` [key_dim].

    >>> centre(torch.tensor([[3.0, 4.0]]), torch.zeros(2))
    tensor([[0.6000, 0.8000]])
    """
    return torch.nn.functional.normalize(x - mean, dim=-1)


def stratified_folds(shots: Shots, folds: int, classes: int) -> tuple[Fold, ...]:
    """Cross-validation folds in which every class is spread as evenly as it goes.

    Example j of a class (in the order given) is scored in fold j mod `folds` and learnt from in the others.
    """
    place = torch.empty_like(shots.y)
    for c in range(classes):
        members = (shots.y == c).nonzero().squeeze(1)
        place[members] = torch.arange(len(members)) % folds
    return tuple(
        Fold(Shots(shots.x[place != f], shots.y[place != f]), Shots(shots.x[place == f], shots.y[place == f]))
        for f in range(folds)
    )


def shots_episode(
    train: Shots,
    dev: Shots,
    test: Shots,
    classes: int,
    folds: int | None,
    descriptions: Shots | None = None,
    pseudo_labelled: Shots | None = None,
) -> Episode:
    """The episode of a text task: folds of the train shots, dev shots of the same classes.

    Features are centred on the mean of the train shots and normalised, alike for every method. Where a class has
    fewer train shots than `folds`, or where that is None, hyperparameters are ranked on the dev shots instead (which
    may set them).
    `descriptions` of the labels, centred on their own mean (they are shorter and lie elsewhere), or texts with pseudo
    labels, on whose mean all features are centred then, stand before the shots wherever shots are learnt from.
    """
    mean = (pseudo_labelled or train).x.mean(0)
    train, dev, test = (Shots(centre(part.x, mean), part.y) for part in (train, dev, test))
    on_dev = Fold(train, dev)
    fewest = int(torch.bincount(train.y, minlength=classes).min())
    ranked = stratified_folds(train, folds, classes) if folds and fewest >= folds else (on_dev,)
    before = descriptions or pseudo_labelled
    if before is None:
        return check_episode(Episode(ranked, on_dev, train, test, classes))
    described = Shots(centre(before.x, before.x.mean(0)), before.y)

    def with_descriptions(shots: Shots) -> Shots:
        return Shots(*(torch.cat(parts) for parts in zip(described, shots, strict=True)))

    *ranked, on_dev = (Fold(with_descriptions(fold.fit), fold.score) for fold in (*ranked, on_dev))
    return check_episode(Episode(tuple(ranked), on_dev, on_dev.fit, test, classes, described=len(described.y)))


def words_episode(fold: Fold, dev: Fold, test: Fold, classes: int, background: Background) -> Episode:
    """The episode of one-shot vocabulary: words that rank, words that calibrate and words that test are disjoint.

    Each part is an episode of its own (shown once, recognised later); features come centred and normalised.
    """
    return check_episode(Episode((fold,), dev, test.fit, test.score, classes, background))
