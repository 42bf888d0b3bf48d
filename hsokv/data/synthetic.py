"""Generated stand-ins of the shape of SST-2, MNLI and CIFAR-10, made of word lists and waves of their own.

They show that the machinery works where the real data cannot be had, under their own names, and decide no criterion.
The same arguments give the same examples.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from hsokv.data.examples import SHAPE, Examples, in_order
from hsokv.data.texts import TASKS, join

T = TypeVar("T")

# sst2_synthetic. Class 1 is praise. It cannot be read off single words: a negation turns its clause round, the clause
# after "but" decides over the one before it, and the mixed adjectives praise one noun and blame another (light humour,
# a light plot).
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
_SCENES = ("for most of an hour ", "from its first scene ", "in the end ", "scene by scene ", "on the whole ")
_OPENINGS = ("", "", "", *_SCENES)
_CONTRASTS = (" , but ", " , yet in the end ", " -- still , ")
_ENDINGS = (" .", " .", "", " , as so often .", " , start to finish .", " , for what that is worth .")
_CLAUSE_SHARES = (0.7, 0.15, 0.15)  # plain, negated, mixed
_CONTRAST_SHARE = 0.15


def generate_sst2_synthetic(train: int = 4000, test: int = 872, seed: int = 0) -> tuple[Examples, Examples]:
    """(train, test) of that many sentences: labels in turns, no text twice within or between them.

    >>> train, test = generate_sst2_synthetic(train=4, test=2)
    >>> train.labels.tolist(), test.labels.tolist()
    ([0, 1, 0, 1], [0, 1])
    """
    return _generate(_review, TASKS["sst2"].labels, train, test, seed)


def _generate(
    write: Callable[[int, np.random.Generator], str], names: tuple[str, ...], train: int, test: int, seed: int
) -> tuple[Examples, Examples]:
    """Different texts that `write` makes of a label, the labels in turns."""
    rng = np.random.default_rng(seed)
    texts: dict[str, int] = {}
    while len(texts) < train + test:
        label = len(texts) % len(names)
        texts.setdefault(write(label, rng), label)
    examples = Examples(tuple(texts), np.fromiter(texts.values(), dtype=np.int64), names)
    return examples.take(range(train)), examples.take(range(train, train + test))


def _review(label: int, rng: np.random.Generator) -> str:
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


def _pick(choices: Sequence[T], rng: np.random.Generator) -> T:
    return choices[int(rng.integers(len(choices)))]


# mnli_synthetic. A premise tells of somebody, what they did, and two circumstances of it (of time, place, manner,
# company). A hypothesis tells of the same person in other words: the same deed and circumstances (entailment), the same
# but one circumstance turned into its opposite (contradiction), or something that the premise does not tell, another
# deed or other circumstances (neutral). So a class cannot be read off the words of one sentence, only off what becomes
# of them in the other.
_, NEUTRAL, CONTRADICTION = range(3)  # as in TASKS
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


def generate_mnli_synthetic(train: int = 4500, test: int = 900, seed: int = 0) -> tuple[Examples, Examples]:
    """(train, test) of that many pairs: classes in turns, no pair twice within or between them.

    >>> train, test = generate_mnli_synthetic(train=3, test=3)
    >>> train.labels.tolist(), test.labels.tolist()
    ([0, 1, 2], [0, 1, 2])
    """
    return _generate(_pair, TASKS["mnli"].labels, train, test, seed)


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


# split_cifar10_synthetic. A class is a direction and a width of waves, with a lean towards a colour:
#     image = 128 + tint + waves(class) + waves(any class), smaller + noise
# Every image has its own centre, phase, contrast and colours; directions and widths vary around those of the class, and
# a smaller piece of a class drawn at random lies about. So neither the mean colour nor single pixels tell the class.
DIRECTIONS = (0, 36, 72, 108, 144)  # degrees
WIDTHS = {"narrow": 4.5, "wide": 8.0}  # pixels from crest to crest
NAMES = tuple(f"{width} waves at {direction} degrees" for direction in DIRECTIONS for width in WIDTHS)
CLASSES = len(NAMES)
_DIRECTION_SPREAD, _WIDTH_SPREAD = 8.0, 0.1  # degrees; share of the width
_CONTRAST, _SIZE, _CLUTTER_SIZE = (50.0, 110.0), (6.0, 10.0), (2.5, 4.0)
_TINT, _TINT_LEAN, _LEAN, _NOISE = 25.0, 10.0, 0.5, 10.0


def generate_split_cifar10_synthetic(train: int = 2000, test: int = 500, seed: int = 0) -> tuple[Examples, Examples]:
    """(train, test) of that many images, the classes in turns, in the order of their digests.

    >>> train, test = generate_split_cifar10_synthetic(train=20, test=10)
    >>> train.inputs.shape, test.counts()["narrow waves at 0 degrees"]
    ((20, 3, 32, 32), 1)
    """
    rng = np.random.default_rng(seed)
    labels = np.arange(train + test) % CLASSES
    leans = rng.normal(size=(CLASSES, 3))
    tint = _TINT_LEAN * leans[labels] + rng.normal(scale=_TINT, size=(len(labels), 3))
    image = 128 + tint[:, :, None, None] + _waves(labels, leans, _SIZE, rng)
    image += _waves(rng.integers(CLASSES, size=len(labels)), leans, _CLUTTER_SIZE, rng)
    image += rng.normal(scale=_NOISE, size=image.shape)
    images = Examples(image.clip(0, 255).astype(np.uint8), labels, NAMES)
    return in_order(images.take(range(train))), in_order(images.take(range(train, train + test)))


def _waves(labels: np.ndarray, leans: np.ndarray, size: tuple[float, float], rng: np.random.Generator) -> np.ndarray:
    """One piece of waves of each label, fading from its centre, float64 [n, 3, 32, 32]."""
    count = (len(labels), 1, 1)
    y, x = np.indices(SHAPE[1:])[:, None]
    direction, width = np.array(DIRECTIONS)[labels // len(WIDTHS)], np.array([*WIDTHS.values()])[labels % len(WIDTHS)]
    angle = np.deg2rad(direction.reshape(count) + rng.normal(scale=_DIRECTION_SPREAD, size=count))
    width = width.reshape(count) * np.exp(rng.normal(scale=_WIDTH_SPREAD, size=count))
    phase = rng.uniform(0, 2 * np.pi, size=count)
    waves = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / width + phase)
    top, left = rng.uniform(8, 24, size=(2, *count))
    fading = np.exp(-((y - top) ** 2 + (x - left) ** 2) / (2 * rng.uniform(*size, size=count) ** 2))
    colour = _LEAN * leans[labels] + rng.normal(size=(len(labels), 3))
    colour *= rng.uniform(*_CONTRAST, size=(len(labels), 1)) / np.linalg.norm(colour, axis=1, keepdims=True)
    return (waves * fading)[:, None] * colour[:, :, None, None]


GENERATORS: dict[str, Callable[[], tuple[Examples, Examples]]] = {
    "sst2_synthetic": generate_sst2_synthetic,
    "mnli_synthetic": generate_mnli_synthetic,
    "split_cifar10_synthetic": generate_split_cifar10_synthetic,
}
"""The generators of the stand-ins by the names that they have wherever they are used."""
