"""Types of a checked configuration, and of what is known of data: plain values, as Snakemake passes them on.

What is allowed says hsokv/study/config.py, which also sees to the keys that a kind of benchmark needs. Jobs import it
for types alone, so that no digest of their code counts it.
"""

from typing import NotRequired, Required, TypedDict

from hsokv.data.catalogue import Columns, DataSource


class Descriptions(TypedDict):
    """Texts about the labels: every word of a class in every template."""

    templates: list[str]
    words: list[list[str]]


class Tuning(TypedDict):
    """How an encoder is tuned for a condition."""

    by: str
    layers: int
    learning_rate: float
    epochs: int
    batch: int
    temperature: float
    descriptions: NotRequired[Descriptions]
    unlabelled: NotRequired[int]
    pseudo_label_fraction: NotRequired[float]


class Condition(TypedDict, total=False):
    """A condition of a benchmark of any kind."""

    senses: int
    level: str
    shots: int
    encoder: str
    flops_allowed: float
    descriptions: Descriptions
    layer: int
    tuning: Tuning
    learn_pseudo_labels: bool
    tasks: int
    passes: int
    wrong: float
    changed: float
    withdrawn: float
    withdrawn_labels: float
    steps: int


class Definition(TypedDict, total=False):
    """A benchmark of any kind."""

    kind: Required[str]
    seeds: Required[list[int]]
    headline: Required[list[str]]
    conditions: Required[dict[str, Condition]]
    flops_allowed: Required[float]
    published: list[dict[str, object]]
    world: dict[str, object]
    controls: list[str]
    encoder_steps: int
    source: str
    files: dict[str, str]
    columns: Columns
    folder: str
    run_in_overlay: dict[str, str]
    validation_rows: int
    validation_images: int
    folds: int
    num_patches: int
    capacity: int


class Encoder(TypedDict, total=False):
    """An encoder of the table."""

    modality: str
    repo_id: str
    revision: str
    folder: str
    pooling: Required[str]
    tokens: int
    sha256: dict[str, str]


class Sought(DataSource, total=False):
    """What is looked for: the data of a source, or an encoder."""

    encoder: Encoder


class Contents(TypedDict):
    """What data hold: labels, examples of each, and how many were left out, by reason."""

    labels: list[str]
    train: dict[str, int]
    test: dict[str, int]
    dropped: dict[str, int]


class Manifest(TypedDict, total=False):
    """What was found of data or of an encoder; of data a record has it too, with its split, a note and its encoder."""

    status: str
    reason: str | None
    name: Required[str]
    kind: str
    synthetic: bool
    revision: str | None
    split: str
    note: str
    encoder: dict[str, object]
    files: Required[dict[str, str]]
    texts: Contents
    images: Contents
    events: dict[str, int]


class Task(TypedDict, total=False):
    """What an arm has to know of a benchmark, its seeds apart."""

    images: bool
    device: str
    protocol: Required[str]
    conditions: Required[dict[str, Condition]]
    folds: int
    capacity: int
    flops_allowed: Required[int]


class Author(TypedDict):
    """An author of the paper."""

    name: str
    affiliation: NotRequired[str]
    orcid: NotRequired[str]


class Paper(TypedDict):
    """What the paper says of itself."""

    title: str
    authors: list[Author]
    anonymous: bool
    category: str
    keywords: list[str]
    abstract: str


class Configuration(TypedDict):
    """The whole configuration, of which a part is `only` what is run; `arms` are its variants and baselines."""

    small: bool
    results: str
    split: str
    data: dict[str, int]
    encoder: str
    encoders: dict[str, Encoder]
    paper: Paper
    expected_failures: list[str]
    only: NotRequired[list[str] | None]
    benchmarks: dict[str, Definition]
    distributed: dict[str, object] | None
    variants: list[str]
    baselines: list[str]
    arms: NotRequired[list[str]]
    methods: dict[str, dict[str, object]]
    contrasts: list[dict[str, str]]
    criteria: list[dict[str, object]]
