"""Shots of texts or images, drawn from a pool for every seed and encoded, with one evaluation set for all of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hsokv.data.examples import PAIR, Examples, draw_shots
from hsokv.study.features import Made, Request, write_missing

if TYPE_CHECKING:
    from hsokv.definitions import Condition

SHOWN = ("train", "descriptions", "pseudo")
"""The parts whose texts a feature file keeps, for people."""


class Encoding(NamedTuple):
    """How examples become features.

    `features`: of several sets, float32 [n, d] each, and the operations that all took; `told`: what provenance says of
    it; `arrays`: what the file of every seed keeps of it.
    """

    features: Callable[[Sequence[Examples]], tuple[Sequence[np.ndarray], int]]
    told: dict[str, object]
    arrays: Mapping[str, np.ndarray] = {}


def write_shots(request: Request, prepare: Callable[[], tuple[Examples, Examples, Encoding]]) -> None:
    """Write evaluation.npz and the feature file of every seed that is not there yet.

    `prepare` gives the pool that shots are drawn from, what is scored, and the encoding. The `conditions` say how many
    `shots` to draw, the same whatever encodes them, and, where there are any, the `descriptions` of the labels.
    """

    def ready() -> Callable[[int | str], Made]:
        pool, evaluation, encoding = prepare()

        def make(key: int | str) -> Made:
            shared = key == "evaluation"
            parts = {"test": evaluation} if shared else _draw(pool, request.conditions, key)
            features, flops = encoding.features([*parts.values()])
            arrays = arrays_of(parts, features) | ({} if shared else encoding.arrays)
            count = sum(len(part) for part in parts.values())
            return Made(arrays, {**encoding.told, "flops": flops}, len(pool.names), f"{count} examples encoded")

        return make

    write_missing(request, ready, shared="evaluation")


def arrays_of(parts: Mapping[str, Examples], features: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays of a feature file: of every part its features and labels, and the texts of what is learnt from."""
    arrays = {f"{name}/x": x for name, x in zip(parts, features, strict=True)}
    for name, part in parts.items():
        arrays[f"{name}/y"] = part.labels
        if name.endswith(SHOWN) and not part.are_images:
            arrays[f"{name}/text"] = np.array([text.replace(PAIR, " | ") for text in part.inputs])
    return arrays


def describe(templates: Sequence[str], words: Sequence[Sequence[str]]) -> Examples:
    """Texts that describe the labels: every word of a class, `words[class]`, in every template.

    >>> describe(["a {} film"], [["bad"], ["good"]]).inputs
    ('a bad film', 'a good film')
    """
    described = [
        (template.format(word), label) for label, own in enumerate(words) for word in own for template in templates
    ]
    texts, labels = zip(*described, strict=True)
    return Examples(texts, np.array(labels), tuple(map(str, range(len(words)))))


def _draw(pool: Examples, conditions: "Mapping[str, Condition]", seed: int) -> dict[str, Examples]:
    parts = {}
    for name, condition in conditions.items():
        parts[f"{name}/train"], parts[f"{name}/dev"] = draw_shots(pool, condition["shots"], seed)
        if "descriptions" in condition:
            parts[f"{name}/descriptions"] = describe(**condition["descriptions"])
    return parts
