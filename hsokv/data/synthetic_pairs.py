"""mnli_synthetic: generated pairs of sentences of the shape of MNLI.

A stand-in: it shows that the machinery works where the real data cannot be had, under its own name, and decides no
criterion. Its sentences are made of the word lists below; nothing is taken from MNLI.

A premise tells of somebody, what they did, and two circumstances of it (of time, place, manner, company). A hypothesis
tells of the same person in other words: the same deed and circumstances (entailment), the same but one circumstance
turned into its opposite (contradiction), or something that the premise does not tell, another deed or other
circumstances (neutral). So a class cannot be read off the words of one sentence, only off what becomes of them in the
other.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from hsokv.data.glue import TASKS, LabelledTexts
from hsokv.data.text_files import join
from hsokv.exceptions import ConfigurationError

_, NEUTRAL, CONTRADICTION = range(3)  # as in hsokv.data.glue.TASKS

# Who, as the premise and as the hypothesis names them.
_PEOPLE = (
    ("the plumber", "the craftsman"),
    ("the violinist", "the musician"),
    ("the surgeon", "the doctor"),
    ("a retired teacher", "an old teacher"),
    ("the goalkeeper", "the player"),
    ("two sisters", "the siblings"),
    ("a young couple", "two people"),
    ("the mayor", "the politician"),
    ("some pupils", "the children"),
    ("my uncle", "a relative"),
)
# What they did, as the premise and as the hypothesis tells it.
_DEEDS = (
    ("repaired the old boat", "fixed the boat"),
    ("baked a loaf of bread", "made bread"),
    ("wrote a long letter", "wrote something"),
    ("painted the garden fence", "put paint on the fence"),
    ("rehearsed the third act", "practised a play"),
    ("sold the bicycle", "gave up the bicycle for money"),
    ("watched the eclipse", "saw the eclipse"),
    ("counted the votes", "went through the votes"),
    ("cleaned the aquarium", "washed the fish tank"),
    ("planted an apple tree", "put a tree into the ground"),
)
# A circumstance has two opposite values, each with ways to say it.
_CIRCUMSTANCES = (
    (("in the morning", "before noon", "shortly after sunrise"), ("at night", "after dark", "shortly before midnight")),
    (("in the open air", "outdoors", "under the sky"), ("indoors", "inside a building", "under a roof")),
    (("in a hurry", "quickly", "as fast as possible"), ("slowly", "without haste", "at a leisurely pace")),
    (("alone", "without any help", "with nobody else around"), ("with a friend", "together with others", "in company")),
    (("for the first time", "as a beginner"), ("as always", "with years of practice", "for the hundredth time")),
    (("in a good mood", "cheerfully", "with a smile"), ("unwillingly", "in a bad temper", "with a frown")),
)
_OTHER_DEED_SHARE = 0.5  # of neutral pairs; in the others the circumstances are others


def generate_mnli_synthetic(train: int = 4500, test: int = 900, seed: int = 0) -> tuple[LabelledTexts, LabelledTexts]:
    """Generated (train, test) of that many pairs: balanced classes, no pair twice within or between them.

    A stand-in that shows that the machinery works and decides no criterion. The same arguments give the same pairs.
    Raises ConfigurationError where a size is no multiple of the three classes.

    >>> train, test = generate_mnli_synthetic(train=3, test=3)
    >>> train.labels.tolist(), test.labels.tolist()
    ([0, 1, 2], [0, 1, 2])
    """
    classes = len(TASKS["mnli"].labels)
    for name, size in (("train", train), ("test", test)):
        if size < classes or size % classes:
            raise ConfigurationError(f"{name} pairs: wanted a multiple of {classes}, came {size}")
    rng = np.random.default_rng(seed)
    pairs: dict[str, int] = {}
    while len(pairs) < train + test:
        label = len(pairs) % classes
        pairs.setdefault(_pair(label, rng), label)
    examples = LabelledTexts(tuple(pairs), np.fromiter(pairs.values(), dtype=np.int64))
    return examples.take(range(train)), examples.take(range(train, train + test))


def _pair(label: int, rng: np.random.Generator) -> str:
    who, whom = _pick(_PEOPLE, rng)
    (did, retold), (_, other) = (_DEEDS[place] for place in rng.permutation(len(_DEEDS))[:2])
    drawn = [(int(circumstance), int(rng.integers(2))) for circumstance in rng.permutation(len(_CIRCUMSTANCES))[:4]]
    told, asked = drawn[:2], drawn[:2]
    if label == CONTRADICTION:
        turned = int(rng.integers(2))
        asked[turned] = (told[turned][0], 1 - told[turned][1])
    elif label == NEUTRAL and rng.random() < _OTHER_DEED_SHARE:
        retold = other
    elif label == NEUTRAL:
        asked = drawn[2:]
    asked = [asked[place] for place in rng.permutation(2)]
    return join((_sentence(who, did, told, rng), _sentence(whom, retold, asked, rng)))


def _sentence(who: str, deed: str, circumstances: Sequence[tuple[int, int]], rng: np.random.Generator) -> str:
    first, second = (_pick(_CIRCUMSTANCES[circumstance][value], rng) for circumstance, value in circumstances)
    return f"{who} {deed} {first} and {second} ."


def _pick(choices: Sequence[Any], rng: np.random.Generator) -> Any:
    return choices[int(rng.integers(len(choices)))]
