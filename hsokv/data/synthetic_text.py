"""sst2_synthetic: generated sentences of the shape of SST-2.

A stand-in: it shows that the machinery works where the real data cannot be had, under its own name, and decides no
criterion. Its sentences are made of the word lists below; nothing is taken from SST-2.

Class 1 is praise. It cannot be read off single words: a negation turns its clause round, the clause after "but" decides
over the one before it, and the mixed adjectives praise one noun and blame another (light humour, a light plot).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from hsokv.data.glue import LabelledTexts
from hsokv.exceptions import ConfigurationError

# fmt: off
_NOUNS = (
    "story", "plot", "script", "dialogue", "acting", "cast", "score", "photography", "editing",
    "pacing", "ending", "premise", "humour", "mood", "setting", "direction", "soundtrack", "opening",
    "romance", "chase",
)
_BLAME = (
    "dull", "lifeless", "clumsy", "stale", "tedious", "shallow", "muddled", "forced", "lazy", "grating",
    "hollow", "limp", "tiresome", "bland", "sloppy", "leaden", "contrived", "bloated", "drab", "witless",
)
_PRAISE = (
    "vivid", "graceful", "clever", "fresh", "gripping", "tender", "lucid", "sincere", "inventive",
    "charming", "rich", "lively", "touching", "elegant", "sharp", "radiant", "assured", "supple",
    "bright", "witty",
)
# fmt: on
# A mixed adjective praises its first nouns and blames its second ones.
_MIXED = (
    ("light", ("humour", "mood", "romance"), ("plot", "script", "premise")),
    ("quiet", ("acting", "ending", "direction"), ("soundtrack", "chase", "opening")),
    ("dark", ("humour", "mood", "setting"), ("photography", "romance", "cast")),
    ("slow", ("romance", "photography", "score"), ("pacing", "chase", "plot")),
    ("unpredictable", ("plot", "ending", "chase"), ("acting", "editing", "pacing")),
    ("simple", ("story", "setting", "dialogue"), ("direction", "humour", "cast")),
    ("loud", ("chase", "opening", "soundtrack"), ("acting", "dialogue", "humour")),
    ("familiar", ("cast", "mood", "setting"), ("story", "ending", "premise")),
)
_DEGREES = ("", "", "often ", "rather ", "quite ", "at times ", "surprisingly ", "truly ", "thoroughly ")
_NEGATIONS = ("not ", "never ", "hardly ", "anything but ", "far from ")
_OPENINGS = (
    "",
    "",
    "",
    "for most of an hour ",
    "from its first scene ",
    "in the end ",
    "scene by scene ",
    "on the whole ",
)
_CONTRASTS = (" , but ", " , yet in the end ", " -- still , ")
_ENDINGS = (" .", " .", "", " , as so often .", " , start to finish .", " , for what that is worth .")
_CLAUSE_SHARES = (0.7, 0.15, 0.15)  # plain, negated, mixed
_CONTRAST_SHARE = 0.15


def generate_sst2_synthetic(train: int = 4000, test: int = 872, seed: int = 0) -> tuple[LabelledTexts, LabelledTexts]:
    """Generated (train, test) of that many sentences: balanced labels, no text twice within or between them.

    A stand-in that shows that the machinery works and decides no criterion. The same arguments give the same texts.
    Raises ConfigurationError where a size is odd or under 2.

    >>> train, test = generate_sst2_synthetic(train=4, test=2)
    >>> train.labels.tolist(), test.labels.tolist()
    ([0, 1, 0, 1], [0, 1])
    """
    for name, size in (("train", train), ("test", test)):
        if size < 2 or size % 2:
            raise ConfigurationError(f"{name} sentences: wanted an even number of at least 2, came {size}")
    rng = np.random.default_rng(seed)
    texts: dict[str, int] = {}
    while len(texts) < train + test:
        label = len(texts) % 2
        texts.setdefault(_sentence(label, rng), label)
    examples = LabelledTexts(tuple(texts), np.fromiter(texts.values(), dtype=np.int64))
    return examples.take(range(train)), examples.take(range(train, train + test))


def _sentence(label: int, rng: np.random.Generator) -> str:
    clause = _clause(label, rng)
    if rng.random() < _CONTRAST_SHARE:
        clause = _clause(1 - label, rng) + _pick(_CONTRASTS, rng) + clause
    return _pick(_OPENINGS, rng) + clause + _pick(_ENDINGS, rng)


def _clause(label: int, rng: np.random.Generator) -> str:
    kind = rng.choice(3, p=_CLAUSE_SHARES)
    degree = _pick(_NEGATIONS if kind == 1 else _DEGREES, rng)
    if kind == 2:
        adjective, *nouns = _pick(_MIXED, rng)
        noun = _pick(nouns[1 - label], rng)
    else:
        negated = kind == 1
        adjective, noun = _pick(_PRAISE if (label == 1) != negated else _BLAME, rng), _pick(_NOUNS, rng)
    return f"the {noun} is {degree}{adjective}"


def _pick(choices: Sequence[Any], rng: np.random.Generator) -> Any:
    return choices[int(rng.integers(len(choices)))]
