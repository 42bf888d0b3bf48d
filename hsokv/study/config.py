"""The study's configuration as a typed model, its checks, and what a mistake is called.

A kind of benchmark is a class and a word in `KINDS`.
"""

import json
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from datetime import date
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import ErrorDetails, PydanticCustomError

from hsokv.arms.registry import METHODS
from hsokv.data.catalogue import OWN, SYNTHETIC
from hsokv.data.texts import TASKS
from hsokv.definitions import Configuration, Definition
from hsokv.exceptions import ConfigurationError, nearest
from hsokv.study.encoders import encoder_source, encoders_named
from hsokv.study.rare_words import world_settings

TUNING_WORLDS = 1000
"""Worlds of rare words with smaller seeds serve tuning, the others the study."""

T = TypeVar("T")

MOST_SEEDS = 32
"""Seeds for which the exact sign-flip test can be computed."""

MEANINGS: dict[str, str] = {}
"""What the pattern of a text asks for, in words."""


def _wrong(key: str, why: str) -> PydanticCustomError:
    """The error of a check: `key`, dotted, is relative to what is checked."""
    return PydanticCustomError("wrong", "{why}", {"key": key, "why": why})


def _known(known: Iterable[str], name: str, key: str = "") -> str:
    if name not in known:
        raise _wrong(key, f"unknown name {name!r}{nearest(name, known)}")
    return name


def _distinct(values: list[T]) -> list[T]:
    """Values of which none is given twice, nor two entries of one name."""
    for name, count in Counter(getattr(value, "name", value) for value in values).items():
        if count > 1:
            raise _wrong("", f"expected each once, got {name!r} more than once")
    return values


def _needed(value: object, needed: bool, key: str, where: str) -> None:
    """A key that is there exactly where it is needed."""
    if (value is not None) != needed:
        raise _wrong(key, f"{'required' if needed else 'not allowed'} for {where}")


def _text(pattern: str, meaning: str) -> FieldInfo:
    MEANINGS[pattern] = meaning
    return Field(pattern=pattern)


def _one_of(names: Iterable[str]) -> Any:
    return Annotated[str, AfterValidator(partial(_known, names)), Field(json_schema_extra={"enum": [*names]})]


Distinct = Annotated[list[T], AfterValidator(_distinct), Field(json_schema_extra={"uniqueItems": True})]
Several = Annotated[Distinct[T], Field(min_length=1, max_length=1000)]
Name = Annotated[str, _text("^[a-z][a-z0-9_]*$", "a name of a-z, 0-9 and _, a letter first")]
BenchmarkName = Annotated[str, _text("^[a-z][a-z0-9_-]*$", "a name of a-z, 0-9, _ and -, a letter first")]
Hub = Annotated[str, _text("^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$", "a repository, owner/name")]
Commit = Annotated[str, _text("^[0-9a-f]{40}$", "a commit of 40 hexadecimal digits")]
Sha256 = Annotated[str, _text("^[0-9a-f]{64}$", "64 hexadecimal digits")]
Orcid = Annotated[str, _text(r"^https://orcid\.org/[0-9]{4}(-[0-9]{3}[0-9X]){3}$", "an address of orcid.org")]
Category = Annotated[str, _text(r"^[a-z-]+(\.[A-Za-z-]+)?$", "a category of arXiv such as cs.LG")]
Template = Annotated[str, _text(r"^[^{}]*\{\}[^{}]*$", "a text with one {} where a word goes")]
Folder = Annotated[
    str,
    _text(
        r"""^[^~{}"'`$*?\\\x00-\x1f][^{}"'`$*?\\\x00-\x1f]*$""", "a path without any of {}\"'`$*?\\ and no ~ in front"
    ),
]
Line = Annotated[str, _text(r"^[^\x00-\x1f]*[^\x00-\x20][^\x00-\x1f]*$", "a line of text that is not blank")]
Text = Annotated[
    str,
    _text(
        r"^[^\x00-\x08\x0b-\x1f]*[^\x00-\x20][^\x00-\x08\x0b-\x1f]*$",
        "a text that is not blank, without control characters",
    ),
]
Arm = Annotated[Name, AfterValidator(partial(_known, METHODS))]
Natural = Annotated[int, Field(ge=1, le=100)]
Few = Annotated[int, Field(ge=1, le=1000)]
Many = Annotated[int, Field(ge=1, le=1_000_000)]
Pair = Annotated[int, Field(ge=2, le=10_000)]
Plural = Annotated[int, Field(ge=2, le=1_000_000)]
Even = Annotated[int, Field(ge=2, le=1000, multiple_of=2)]
Candidates = Annotated[int, Field(ge=8, le=16_384, multiple_of=8)]
Workers = Annotated[int, Field(ge=1, le=256)]
Seeds = Several[Annotated[int, Field(ge=0, lt=2**32)]]
Flops = Annotated[float, Field(ge=1, le=1e16)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Probability = Annotated[float, Field(ge=0, le=1)]
Fraction = Annotated[float, Field(gt=0, le=1)]
Half = Annotated[float, Field(gt=0, le=0.5)]
Rate = Annotated[float, Field(gt=0, le=1000)]
Range = Annotated[list[Positive], Field(min_length=2, max_length=2)]
TextSource = _one_of([*TASKS, *(name for name in sorted(SYNTHETIC) if name.removesuffix("_synthetic") in TASKS), OWN])
EventSource = _one_of(["clinc150", OWN])
ImageSource = _one_of(["cifar10", "split_cifar10_synthetic", OWN])
Modality = Literal["texts", "images"]
Pooling = Literal["mean", "cls", "pooler"]
Optimizer = Literal["adam_norm", "sgd", "rmsprop_norm"]
Controls = Distinct[Literal["chance", "bag_of_words_1nn", "bag_of_words_lda", "bayes_reader", "oracle"]]
Checked = Literal["config.json", "model.safetensors", "tokenizer.json", "preprocessor_config.json", "vocabulary"]


class Model(BaseModel):
    """Closed and strict. A key with the default None may be absent and is never null: its type has no None."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Data(Model):
    validation_rows: Many = Field(description="Texts per class of official train data for the validation set.")
    validation_images: Many = Field(description="Images per class of official train data for the validation set.")


class Encoder(Model):
    modality: Modality = Field("texts", description="What it encodes.")
    repo_id: Hub = Field(None, description="Repository of the hub; its cache and a PyPI mirror come first.")
    revision: Commit = Field(None, description="Commit of the repository; a branch or a tag could move.")
    folder: Text = Field(None, description="Folder with the files that `sha256` can name, in place of the hub.")
    pooling: Pooling = Field(description="Mean or first state, or (images) the output of the model.")
    tokens: int = Field(None, ge=3, le=100_000, description="Tokens of a text that are read; required for texts.")
    sha256: dict[Checked, Sha256] = Field({}, description="Of files; of the vocabulary: its tokens, a line each.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        _needed(self.tokens, self.modality == "texts", "tokens", f"an encoder that reads {self.modality}")
        encoder_source(self.model_dump(exclude_unset=True))
        return self


class Author(Model):
    name: Line = Field(description="Name as printed.")
    affiliation: Line = Field(None, description="Institution.")
    orcid: Orcid = Field(None, description="Address of the ORCID.")


class Paper(Model):
    title: Line = Field(description="Title.")
    authors: list[Author] = Field(min_length=1, description="Authors in order.")
    anonymous: bool = Field(description="true for a build that names no author.")
    category: Category = Field(description="Primary arXiv category.")
    keywords: Distinct[Text] = Field(description="Keywords.")
    abstract: Text = Field(description="{name} prints a number of the results; {headline} and {criteria} sentences.")


class Descriptions(Model):
    templates: Several[Template] = Field(description="Texts with {} where a word goes.")
    words: list[Several[Text]] = Field(min_length=2, description="Words for each class, in the order of the labels.")


class Tuning(Model):
    by: Literal["contrast", "cross_entropy"] = Field(description="Loss on the shots.")
    layers: int = Field(ge=1, le=1000, description="Top layers that are tuned; those below stay frozen.")
    learning_rate: Fraction = Field(description="Largest step size of Adam.")
    epochs: Few = Field(description="Passes over the texts or pairs.")
    batch: Pair = Field(description="Texts or pairs per step.")
    temperature: Rate = Field(description="Temperature of the contrast.")


class SemiSupervisedTuning(Tuning):
    by: Literal["descriptions"] = Field(description="Contrast on texts whose labels the descriptions guess.")
    descriptions: Descriptions = Field(description="Texts about the labels.")
    unlabelled: Plural = Field(description="Train texts that are read without labels.")
    pseudo_label_fraction: Half = Field(description="Share of them that is tuned on per class, the surest first.")


AnyTuning = Annotated[Tuning | SemiSupervisedTuning, Field(discriminator="by")]


class WordsCondition(Model):
    senses: int = Field(ge=1, le=2, description="Senses of a rare word.")
    level: str = Field(description="Difficulty level of the generator.")


class ShotsCondition(Model):
    shots: Many = Field(description="Train examples per class, and as many development examples.")
    encoder: Name = Field(None, description="In place of the study's own or, of images, of the patch dictionary.")
    flops_allowed: Flops = Field(None, description="FLOPs of this condition, which pay for its tuning too.")


class TextsCondition(ShotsCondition):
    descriptions: Descriptions = Field(None, description="Texts about the labels, learnt from before the shots.")
    layer: Few = Field(None, description="Layer of the encoder after which it is cut; left out: the last.")
    tuning: AnyTuning = Field(None, description="The encoder is tuned first: a track of its own, charged to every arm.")
    learn_pseudo_labels: bool = Field(
        None,
        description="For `by: descriptions`: arms learn from the pseudo-labelled texts, before the shots; features are "
        "centred on the mean of these texts.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.tuning and self.descriptions:
            raise _wrong("", "expected `descriptions` or `tuning`, got both; make them two conditions")
        if self.learn_pseudo_labels and not isinstance(self.tuning, SemiSupervisedTuning):
            raise _wrong("learn_pseudo_labels", "allowed with a tuning `by: descriptions` only")
        return self


class StreamCondition(Model):
    tasks: Pair = Field(description="Tasks of the stream; a divisor of the number of classes.")
    passes: Many = Field(description="Passes over a task's examples, for arms that learn by gradient.")


class EventsCondition(Model):
    encoder: Name = Field(None, description="In place of the study's own.")
    tasks: int = Field(None, ge=1, le=1000, description="Steps in which labels come; a divisor of their number.")
    shots: Many = Field(None, description="Texts per label.")
    wrong: Probability = Field(None, description="Share of the texts that come under a wrong label, corrected later.")
    changed: Probability = Field(None, description="Share of the labels that are renamed or merged.")
    withdrawn: Probability = Field(None, description="Share of the texts that are withdrawn.")
    withdrawn_labels: Probability = Field(None, description="Share of the labels that are withdrawn whole.")
    steps: Few = Field(None, description="Steps of each part after the labels have come.")


class Level(Model):
    expressed: Natural = Field(description="Attributes expressed in a context.")
    noise_words: int = Field(ge=0, le=1000, description="Words without meaning in a context.")
    value_noise: Probability = Field(0.02, description="Probability that an attribute shows a random value.")


class World(Model):
    attributes: Natural = Field(8, description="Hidden attributes of a word.")
    values: Pair = Field(5, description="Values of an attribute.")
    synonyms: Even = Field(6, description="Surface words of a value in a register.")
    registers: Natural = Field(2, description="Registers of the language.")
    marker_words: Few = Field(10, description="Words that mark a register.")
    markers: Natural = Field(2, description="Marker words in a context.")
    topics: Few = Field(12, description="Topics of noise.")
    topic_words: Few = Field(20, description="Words of a topic.")
    topic_share: Probability = Field(0.8, description="Share of noise words from the context's own topic.")
    frequent_words: Pair = Field(400, description="Words that the context encoder is trained on.")
    frequent_contexts: Few = Field(40, description="Contexts of each frequent word.")
    rare_words: Pair = Field(100, description="Words of each of the fold, development and test splits.")
    queries: Even = Field(10, description="Contexts of a rare word that are classified.")
    levels: dict[str, Level] = Field(None, min_length=1, description="In place of level1, level2 and level3.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        world_settings(self.model_dump(exclude_unset=True))
        contexts = self.frequent_words * self.frequent_contexts + 3 * self.rare_words * self.queries
        if contexts > 1_000_000:  # which are in memory together
            raise _wrong("", f"expected at most a million contexts of all words, got {contexts}")
        return self


class Published(Model):
    name: Text = Field(description="Method, as it is printed.")
    accuracy: Probability = Field(description="Accuracy, 0 to 1.")
    source: Text = Field(description="Where it was published.")
    condition: Name | None = Field(None, description="Condition whose arms stand beside it, else the headline's mean.")


class Benchmark(Model):
    """What all kinds have. `protocol`: arms learn an `episode` at once, a `stream` task after task, or `events` as they
    come; `own`: the keys that say where a user's own data are."""

    protocol: ClassVar[str] = "episode"
    own: ClassVar[tuple[str, ...]] = ()

    kind: str
    seeds: Seeds = Field(description="One run per seed; of words the seed of the world (below 1000 for validation).")
    headline: Several[Name] = Field(description="Conditions whose mean is the benchmark's main score.")
    conditions: dict[Name, Model | None]
    flops_allowed: Flops = Field(description="Floating-point operations that an arm may spend in a run.")
    published: list[Published] = Field([], description="Results of others, printed beside the study's, marked.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        conditions = [name for name, condition in self.conditions.items() if condition is not None]
        if not conditions:
            raise _wrong("conditions", "expected at least one condition that is not null")
        for name in self.headline:
            _known(conditions, name, "headline")
        for entry in self.published:
            if entry.condition:
                _known(self.conditions, entry.condition, "published")
        for key in self.own:
            _needed(getattr(self, key), self.source == OWN, key, f"`source: {self.source}`")
        return self


class Words(Benchmark):
    kind: Literal["words"] = Field(description="One-shot learning of rare words in a generated language.")
    conditions: dict[Name, WordsCondition | None] = Field(description="Variations by name; null leaves one out.")
    world: World = Field(description="Settings of the generator that differ from its defaults.")
    controls: Controls = Field(description="Reference readers that say what a score means.")
    encoder_steps: Many = Field(description="Training steps of each context encoder on frequent words.")

    @model_validator(mode="after")
    def _check_conditions(self) -> Self:
        levels = world_settings(self.world.model_dump(exclude_unset=True)).levels
        for name, condition in self.conditions.items():
            if condition:
                _known(levels, condition.level, f"conditions.{name}.level")
                expected = f"{'one_sense' if condition.senses == 1 else 'two_senses'}_{condition.level}"
                if name != expected:
                    raise _wrong(f"conditions.{name}", f"expected the name {expected}; rename the condition")
        return self


class Files(Model):
    train: Text = Field(description="Table with a header: shots and validation rows are drawn from it.")
    test: Text = Field(description="The final test, whole; its texts are removed from the train file.")


class Columns(Model):
    text: Several[Text] = Field(max_length=2, description="One column of texts, or the two of a pair.")
    label: Text = Field(description="Column of labels; the classes are the labels of the train file, sorted.")


class Texts(Benchmark):
    own: ClassVar = ("files", "columns")

    kind: Literal["texts"] = Field(description="Few-shot classification of texts or of pairs of texts.")
    source: TextSource = Field(description="Data set, generated stand-in, or `files` for your own (docs/own-data.md).")
    files: Files = Field(None, description="For `source: files`: below the data root, else the working directory.")
    columns: Columns = Field(None, description="For `source: files`: columns that are read.")
    conditions: dict[Name, TextsCondition | None] = Field(description="Variations by name; null leaves one out.")
    run_in_overlay: dict[str, Text] = Field({}, description="Conditions that another overlay runs; tables say so.")
    validation_rows: Many = Field(None, description="In place of data.validation_rows.")
    folds: Pair = Field(description="Folds of the train shots that rank hyperparameters.")

    @model_validator(mode="after")
    def _check_texts(self) -> Self:
        """Of own files the labels are known later (hsokv.study.data_manifest), the texts of a row are not."""
        task = TASKS.get(self.source.removesuffix("_synthetic"))
        pairs = len(task.texts if task else self.columns.text) > 1
        for name, condition in self.conditions.items():
            key = f"conditions.{name}.{'tuning.' if condition and condition.tuning else ''}descriptions"
            described = getattr(condition and (condition.tuning or condition), "descriptions", None)
            if pairs and described:
                raise _wrong(key, "not allowed for pairs of texts, only for single texts; tune on the shots")
            if task and task.labels and described and len(described.words) != len(task.labels):
                expected = f"expected a list for each of the {len(task.labels)} classes of {self.source}"
                raise _wrong(f"{key}.words", f"{expected}, got {len(described.words)}")
        return self


class Pictures(Benchmark):
    own: ClassVar = ("folder",)

    source: ImageSource = Field(description="Data set, generated stand-in, or `files` for your own (docs/own-data.md).")
    folder: Text = Field(None, description="For `source: files`, found as files are: train/CLASS/ and test/CLASS/.")
    validation_images: Many = Field(None, description="In place of data.validation_images.")
    num_patches: int = Field(
        ge=2, le=2000, description="Patches in the dictionary, learnt without labels (stream: on task 1)."
    )


class Images(Pictures):
    kind: Literal["images"] = Field(description="Few-shot classification of images.")
    conditions: dict[Name, ShotsCondition | None] = Field(description="Variations by name; null leaves one out.")
    folds: Pair = Field(description="Folds of the train shots that rank hyperparameters.")


class Stream(Pictures):
    protocol: ClassVar = "stream"

    kind: Literal["stream"] = Field(description="Classes of images that come task after task.")
    conditions: dict[Name, StreamCondition | None] = Field(description="Variations by name; null leaves one out.")
    capacity: int = Field(ge=1, le=100_000, description="Most past examples that an arm may carry from task to task.")


class EventFiles(Model):
    events: Text = Field(description="Table of time, event, text, label and new_label (docs/own-data.md).")
    validation: Text = Field(description="Queries for `split: validation`: text and label, empty where out of scope.")
    test: Text = Field(description="Queries for `split: test`.")


class Events(Benchmark):
    protocol: ClassVar = "events"
    own: ClassVar = ("files",)
    kind: Literal["events"] = Field(description="Labelled texts that come, change and go.")
    source: EventSource = Field(description="Data set, or `files` for your own events.")
    files: EventFiles = Field(None, description="For `source: files`: below the data root, else the working directory.")
    conditions: dict[Name, EventsCondition | None] = Field(description="Variations by name; null leaves one out.")

    @model_validator(mode="after")
    def _check_events(self) -> Self:
        for name, condition in self.conditions.items():
            for key in EventsCondition.model_fields if condition else ():
                if key != "encoder":
                    where = f"`source: {self.source}`"
                    _needed(getattr(condition, key), self.source != OWN, f"conditions.{name}.{key}", where)
        return self


KINDS: dict[str, type[Benchmark]] = {
    "words": Words,
    "texts": Texts,
    "images": Images,
    "stream": Stream,
    "events": Events,
}
AnyBenchmark = Annotated[Words | Texts | Images | Stream | Events, Field(discriminator="kind")]


class Learning(Model):
    candidates: Candidates = Field(description="Policies tried in a generation, in all.")
    episodes_per_candidate: Few = Field(description="Episodes of each policy.")
    rounds: Many = Field(description="Generations between two scores, after which agents of a population may copy.")
    steps: float = Field(ge=1, le=1e12, description="Environment steps that a run may make.")
    seeds: Seeds = Field(description="One run of each arm per seed.")


class EqualShare(Model):
    nodes: Several[Workers] = Field(description="Numbers of nodes.")
    share: Fraction = Field(description="Share of a core that each node, and the single process, is held to.")


class Speed(Model):
    candidates: Candidates = Field(description="Policies tried in a generation, in all.")
    episodes_per_candidate: Few = Field(description="Episodes of each policy.")
    rounds: Many = Field(description="Generations between two scores.")
    periods: Many = Field(description="Rounds that are timed, after one that is not.")
    repeats: Few = Field(description="Turns of all contestants.")
    workers: Several[Workers] = Field(description="Numbers of workers.")
    backends: Several[Literal["processes", "ray"]] = Field(description="Backends beside the single process.")
    equal_share: EqualShare | None = Field(description="Nodes of equal share, made as root; null: whole cores alone.")


class Projection(Model):
    nodes: Several[Annotated[int, Field(ge=1, le=10_000)]] = Field(description="Nodes that are simulated.")
    latencies: Several[NotNegative] = Field(description="One-way latencies in seconds.")
    generations: Few = Field(description="Generations that are simulated.")


class Distributed(Model):
    managers: Workers = Field(description="Agents of the arms that search with several.")
    learning: Learning = Field(description="Ways of searching on swing-up, with the same allowance of steps.")
    speed: Speed = Field(description="Throughput of one search by number of workers.")
    projection: Projection = Field(description="The simulation, fitted to one node; validated at these latencies.")


class Head(Model):
    optimizer: Optimizer = Field(description="Update rule; the adaptive ones keep one second moment a parameter.")
    learning_rate: Rate = Field(description="Step size relative to the rule's unit: sgd 1, others 0.05.")
    weight_decay: NotNegative = Field(description="Decoupled decay, in examples that pull as much.")
    steps: Many = Field(description="Full-batch gradient steps.")


class Memory(Model):
    capacity: Many = Field(description="Capacity in entries.")
    k: Many = Field(description="Entries read per query.")
    inverse_temperature: Rate = Field(description="b in exp(-b (1 - cos)): inverse temperature of a read.")


class Keys(Model):
    shrinkage: Fraction = Field(description="Share of the within-class covariance that the identity replaces.")
    directions: Many = Field(description="Directions kept, the most discriminative first.")


class Maps(Model):
    steps: Many = Field(description="Updates of both maps.")
    words: Plural = Field(description="Words in a step, a pair of contexts of each.")
    learning_rate: Fraction = Field(description="Of Adam, as a share of the size of the directions' entries.")


class SearchSpace(Model):
    learning_rate: Range = Field(description="[low, high] around head.learning_rate.")
    weight_decay: Range = Field(description="[low, high] around head.weight_decay.")
    inverse_temperature: Range = Field(description="[low, high] around memory.inverse_temperature.")


class Swarm(Model):
    managers: Few = Field(description="Groups.")
    agents: Few = Field(description="Agents per manager.")
    rounds: Few = Field(description="Rounds of training and scoring, among which head.steps are divided.")
    ensemble_size: Few = Field(description="Members whose predictions are averaged in the end.")
    truncation_fraction: Half = Field(description="Share of a group that copies a better agent after a round.")
    perturb_scale: Fraction = Field(description="Step of a copy, in the unit cube of the search space.")
    resample_prob: Probability = Field(description="Probability that a copy draws its update rule anew.")
    search_space: SearchSpace = Field(description="Ranges that are searched on a log scale.")


class Knn(Model):
    k: Few = Field(description="Neighbours that vote.")


class Ridge(Model):
    shrinkage: Several[Fraction] = Field(description="Shares of the identity that are tried on the folds.")


class Maml(Model):
    inner_steps: Few = Field(description="Full-batch gradient steps of the head on a task.")
    outer_steps: int = Field(ge=0, le=100_000, description="Tasks for meta-learning, as many as the budget pays for.")
    inner_rate: Rate = Field(description="First step size of the head, times the number of classes; then learnt.")
    outer_rate: Fraction = Field(description="Adam's step for the map; the inner rate's log moves ten times as fast.")
    classes: Plural = Field(description="Classes of a task that is drawn from the fold's words.")


class FineTune(Model):
    encoder_rate: Rate = Field(description="Step size of the encoder's weights.")
    head_rate: Rate = Field(description="Step size of the head's weights.")


class LinearProbe(Model):
    strengths: Several[Positive] = Field(description="Inverse regularisations C tried on the folds.")
    steps: Many = Field(description="Most steps of the solver.")


class EventMemory(Model):
    neighbours: Few = Field(description="Entries read per query.")
    inverse_temperature: Rate = Field(description="b in the kernel exp(b (cos - 1)).")
    noise: Rate = Field(description="Added to the kernel's diagonal: how far a label is trusted less than the kernel.")
    scale: Rate = Field(description="Factor of what the memory says of a label, before the softmax.")
    gate: Fraction = Field(description="Fraction of the memory's probabilities beside those of the class means.")


class EventHeads(Model):
    scale: Rate = Field(description="Factor of the cosine with a class mean, before the softmax.")
    shrinkage: Fraction = Field(description="ridge: share of the covariance replaced by a multiple of the identity.")
    temperature: Rate = Field(description="ridge: divides the discriminant scores.")
    strength: Positive = Field(description="joint, linear_probe: inverse regularisation C.")
    learning_rate: Rate = Field(description="fine_tune, experience_replay: step size.")
    steps: Many = Field(description="fine_tune, experience_replay: gradient steps after each step of events.")
    replayed: Many = Field(description="experience_replay: past examples beside the new ones in each step.")


class Methods(Model):
    head: Head = Field(description="The linear head of the default agent.")
    memory: Memory = Field(description="The key-value memory of the default agent.")
    keys: Keys = Field(description="Keys on closed-form discriminative directions; without a background, the features.")
    maps: Maps = Field(description="Key and query maps learnt on the background, from the directions of `keys`.")
    swarm: Swarm = Field(description="The three tiers: a supervisor, managers, agents.")
    knn: Knn = Field(description="Nearest neighbours.")
    ridge: Ridge = Field(description="Ridge regression.")
    linear_probe: LinearProbe = Field(description="Logistic regression.")
    maml: Maml = Field(description="First-order meta-learning (ANIL) of a linear map of the features.")
    fine_tune: FineTune = Field(description="Training of the encoder and its head.")

    event_memory: EventMemory = Field(
        description="The memory on benchmarks of events, read by kernel ridge regression."
    )
    event_heads: EventHeads = Field(description="The other arms on benchmarks of events.")

    @model_validator(mode="after")
    def _check_swarm(self) -> Self:
        swarm, steps = self.swarm, self.head.steps
        if steps % swarm.rounds:
            raise _wrong("swarm.rounds", f"expected a divisor of head.steps = {steps}, got {swarm.rounds}")
        if (agents := swarm.managers * swarm.agents) > 1000:  # which are in memory together
            raise _wrong("swarm.agents", f"expected at most 1000 agents of all managers, got {agents}")
        if swarm.ensemble_size > agents:
            raise _wrong(
                "swarm.ensemble_size", f"expected at most {agents} = managers x agents, got {swarm.ensemble_size}"
            )
        for group, name in (("head", "learning_rate"), ("head", "weight_decay"), ("memory", "inverse_temperature")):
            (low, high), default = getattr(swarm.search_space, name), getattr(getattr(self, group), name)
            if not low < high or not low <= default <= high:
                around = f"expected low < high around the default {group}.{name} = {default}"
                raise _wrong(f"swarm.search_space.{name}", f"{around}, got [{low}, {high}]")
        return self


class Contrast(Model):
    name: Name = Field(description="Name of the test.")
    benchmark: BenchmarkName = Field(description="Benchmark of the configuration.")
    a: Arm = Field(description="Arm that should be better.")
    b: Arm = Field(description="Arm that it is compared with.")


THRESHOLDS = {
    "rate": ("above", "at_least", "below"),
    "difference": ("above", "at_least"),
    "lift": ("above", "at_least"),
    "magnitude": ("below",),
    "not_worse": ("margin",),
}
"""The thresholds that a kind of criterion may have, of which one is given."""


class Criterion(Model):
    name: Name = Field(description="Name of the criterion.")
    benchmark: BenchmarkName = Field(description="Benchmark of the configuration, `cartpole` or `study`.")
    arm: Arm = Field(description="Arm that is judged.")
    score: Name = Field(description="Score that is judged; of `lift` the accuracy.")
    kind: Literal["rate", "difference", "lift", "magnitude", "not_worse"] = Field(
        description="What clears the threshold: the whole interval of a mean, of the difference to `over`, or of that "
        "relative to `over`; the size of a mean; or the lower end of the difference, which is near 0."
    )
    over: Arm = Field(None, description="Arm of a `difference`, `lift` or `not_worse` that it is compared with.")
    tracks: Several[Name] = Field(None, description="Conditions of a `rate`: the best is judged; else the headline.")
    above: float = Field(None, description="Threshold that must be exceeded.")
    at_least: float = Field(None, description="Threshold that must be reached.")
    below: float = Field(None, description="Threshold that must not be reached.")
    margin: Positive = Field(None, description="How far behind `over` the lower end of the interval may lie.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        allowed, where = THRESHOLDS[self.kind], f"`kind: {self.kind}`"
        given = [key for key in ("above", "at_least", "below", "margin") if getattr(self, key) is not None]
        if len(given) != 1 or given[0] not in allowed:
            got = " and ".join(given) or "none"
            raise _wrong("", f"expected one of {', '.join(allowed)} for {where}, got {got}")
        _needed(self.over, self.kind in ("difference", "lift", "not_worse"), "over", where)
        if self.tracks and self.kind != "rate":
            raise _wrong("tracks", f"not allowed for {where}")
        if self.kind == "lift" and self.score != "accuracy":
            raise _wrong("score", f"expected accuracy for {where}, got {self.score}")
        return self


class Study(Model):
    small: bool = Field(description="true: it only shows that the machinery works, and every page says so.")
    results: Folder = Field(description="Folder of everything that is written, relative to the working directory.")
    split: Literal["validation", "test"] = Field(description="Examples that are scored; `test` closes a piece of work.")
    data: Data = Field(description="What is set aside of the data.")
    encoder: Name = Field(description="Text encoder of conditions that name none.")
    encoders: dict[Name, Encoder] = Field(description="Encoders by name; those that a condition uses are looked for.")
    paper: Paper = Field(description="What the paper, CITATION.cff and archives say; no run depends on it.")
    expected_failures: Distinct[Name] = Field(description="Criteria that `snakemake validate` lets fail.")
    only: Several[BenchmarkName] | None = Field(None, description="Benchmarks, and `cartpole`, that alone are run.")
    benchmarks: dict[BenchmarkName, AnyBenchmark | None] = Field(description="Data sets by name; null leaves one out.")
    distributed: Distributed | None = Field(
        description="The distributed swarm on CartPole's physics; null leaves it out."
    )
    variants: Distinct[Arm] = Field(description="Arms of the ablation.")
    baselines: Distinct[Arm] = Field(description="Arms that can win.")
    methods: Methods = Field(description="Settings by group; an arm is rerun when a group that it reads changes.")
    contrasts: Distinct[Contrast] = Field(
        max_length=8, description="The family of tests (Holm), written before any run."
    )
    criteria: Distinct[Criterion] = Field(description="The success list, written before any run.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if twice := sorted({*self.variants} & {*self.baselines}):
            raise _wrong("baselines", f"expected each arm once, got {twice[0]} in `variants` too; remove it from one")
        if not self.variants and not self.baselines:
            raise _wrong("variants", "expected at least one arm in `variants` or `baselines`, got none")
        for name in self.only or ():
            _known([*self.benchmarks, "cartpole"], name, "only")
        study, _ = selected(self.model_dump(exclude_unset=True))
        if not study["benchmarks"]:
            raise _wrong("benchmarks", "expected at least one that is run, got none")
        for name in self.expected_failures:
            _known([criterion.name for criterion in self.criteria], name, "expected_failures")
        for criterion in self.criteria:
            key = f"criteria.{criterion.name}"
            _known([*self.benchmarks, "cartpole", "study"], criterion.benchmark, f"{key}.benchmark")
            for name in (criterion.tracks if self.benchmarks.get(criterion.benchmark) else None) or ():
                _known(self.benchmarks[criterion.benchmark].conditions, name, f"{key}.tracks")
        for key, kind, name in [("encoder", "texts", self.encoder), *encoders_named(study)]:
            if (modality := self.encoders[_known(self.encoders, name, key)].modality) != kind:
                known = [each for each, encoder in self.encoders.items() if encoder.modality == kind]
                wanted = f"expected an encoder that reads {kind} ({', '.join(known) or 'none yet'})"
                raise _wrong(key, f"{wanted}, got {name}, which reads {modality}")
        for name, benchmark in study["benchmarks"].items():
            self._check_benchmark(name, benchmark)
        for contrast in self.contrasts:
            _known(self.benchmarks, contrast.benchmark, f"contrasts.{contrast.name}.benchmark")
            if contrast.a == contrast.b:
                raise _wrong(f"contrasts.{contrast.name}", f"expected two different arms, got {contrast.a} twice")
            if len(study["benchmarks"].get(contrast.benchmark, {}).get("seeds", ())) > MOST_SEEDS:
                why = f"expected a benchmark of at most {MOST_SEEDS} seeds, so that its exact test can be computed"
                raise _wrong(f"contrasts.{contrast.name}.benchmark", why)
        return self

    def _check_benchmark(self, name: str, benchmark: Definition) -> None:
        """What hangs on the name of a benchmark that is run, or on the test set of the study."""
        source = benchmark.get("source")
        if (source in SYNTHETIC) != name.endswith("_synthetic"):
            expected = "expected a name that ends in _synthetic for a synthetic source and for no other"
            raise _wrong(f"benchmarks.{name}", f"{expected}, got source {source}")
        for seed in benchmark["seeds"] if benchmark["kind"] == "words" else ():
            if (seed < TUNING_WORLDS) == (self.split == "test"):
                expected = f"{'at least' if self.split == 'test' else 'below'} {TUNING_WORLDS}"
                why = f"expected seeds {expected} for `split: {self.split}`, got {seed}"
                raise _wrong(f"benchmarks.{name}.seeds", why)


def selected(configuration: Configuration) -> tuple[Configuration, list[str]]:
    """The configuration of what is run, and the names of the benchmarks that are left out.

    `only` keeps the benchmarks that it names, with their contrasts and criteria, and `cartpole` where it is among them;
    `name: null` leaves out a benchmark or one of its conditions.

    >>> selected({"benchmarks": {"sst2": None, "mnli": {"conditions": {"a": None, "b": {"shots": 1}}}}})
    ({'benchmarks': {'mnli': {'conditions': {'b': {'shots': 1}}}}}, ['sst2'])
    """
    study: Configuration = {**configuration}
    only = study.pop("only", None)
    study["benchmarks"] = {
        name: {**definition, "conditions": {key: c for key, c in definition["conditions"].items() if c is not None}}
        for name, definition in configuration["benchmarks"].items()
        if definition is not None and (only is None or name in only)
    }
    if only is not None:
        study["distributed"] = study["distributed"] if "cartpole" in only else None
        for key in ("contrasts", "criteria"):
            study[key] = [entry for entry in study[key] if entry["benchmark"] in only]
    return study, [name for name in configuration["benchmarks"] if name not in study["benchmarks"]]


def check_configuration(configuration: Mapping[str, object]) -> None:
    """Raise ConfigurationError with a sentence for each mistake: its dotted key, what is allowed, what was given."""
    try:
        Study.model_validate(configuration)
    except ValidationError as error:
        told = [_sentence(each, configuration) for each in error.errors()[:20]]
        more = [f"and {error.error_count() - 20} more"] if error.error_count() > 20 else []
        raise ConfigurationError("\n".join(told + more)) from None


def check_files(paths: Iterable[str | Path]) -> None:
    """Raise ConfigurationError where a file of the configuration is no YAML, or gives a key twice.

    A loader would keep the last of two equal keys silently.
    """
    for path in paths:
        try:
            yaml.load(Path(path).read_text(encoding="utf-8"), _Loader)
        except ConfigurationError as error:
            raise ConfigurationError(f"{path}: {error}") from None
        except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
            raise ConfigurationError(
                f"{path}: expected a file of YAML in UTF-8: {' '.join(str(error).split())}"
            ) from None


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # 1 ms for the study's own file, against 26
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        lines: dict[str, int] = {}
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            line = key.start_mark.line + 1
            if key.value in lines:
                where = f"{key.value} stands twice, in lines {lines[key.value]} and {line}"
                raise ConfigurationError(f"{where}, and only the second would count; delete one or merge them")
            lines[key.value] = line
        return super().construct_mapping(node, deep)


_PLAIN = {
    r"^Input should be ": "expected ",
    r"^\w+ should have (.*) items? after validation, not .*": r"expected \1 in it",
    r"greater than or equal to": "at least",
    r"less than or equal to": "at most",
    r"greater than": "above",
    r"less than": "below",
    r"a valid integer": "an integer",
    r"a valid (dictionary|instance).*": "keys with values",
    r"a valid ": "a ",
    r"^Field required": "required, but missing",
}
"""Words of pydantic, and plainer ones."""


def _sentence(error: ErrorDetails, configuration: Any) -> str:
    """An error of pydantic in plain words: the dotted key, what is wrong, what was given."""
    parts, why, given, context = [*error["loc"]], error["type"], error["input"], error.get("ctx", {})
    if parts[-1:] == ["[key]"]:
        del parts[-2:]
    if parts[:1] == ["benchmarks"]:  # pydantic puts the kind into the location, and the way of tuning
        del parts[2:3]
    if parts[4:5] == ["tuning"]:
        del parts[5:6]
    key = ".".join(map(str, parts)) or "configuration"
    if why == "wrong":
        return f"{'.'.join(filter(None, (*map(str, parts), context['key'])))}: {context['why']}"
    if why == "invalid_key":
        return f"{key}: expected a text as the key; put it in quotation marks"
    if why == "value_error":
        return f"{key}: {context['error']}"
    if why.startswith("union_tag"):
        wanted = f"expected {context['expected_tags']}, got" if "tag" in context else "is missing in"
        named = nearest(parts[1], {*configuration["benchmarks"]} - {parts[1]}) if parts[0] == "benchmarks" else ""
        tag = context["discriminator"].strip("'")
        return f"{key}.{tag}: {wanted} {_shown(context.get('tag', given))}{'' if 'tag' in context else named}"
    if why == "extra_forbidden":
        known = {name: group["properties"] for name, group in groups().items()}
        if homes := [name for name, keys in known.items() if parts[-1] in keys]:
            return f"{key}: not allowed here, only in {' or '.join(homes)}"
        for part in parts[:-1]:
            configuration = configuration[part]
        alike = max(known.values(), key=lambda keys: len(keys & configuration.keys()))
        alike = alike if alike.keys() & configuration.keys() else set().union(*known.values())
        return f"{key}: unknown key{nearest(parts[-1], alike)}"
    text = f"expected {MEANINGS[context['pattern']]}" if why == "string_pattern_mismatch" else error["msg"]
    for pattern, plain in _PLAIN.items():
        text = re.sub(pattern, plain, text)
    if why == "missing":
        return f"{key}: {text}"
    return f"{key}: {text}, got {_shown(given)}{_HINTS.get((why, type(given)), '')}"


_HINTS = {
    ("float_type", str): "; YAML reads 1e-4 as a text and 1.0e-4 as a number; --config gives texts inside braces",
    ("int_type", str): "; write it without quotation marks; --config gives texts inside braces, a file numbers",
    **dict.fromkeys(
        (("string_type", kind) for kind in (bool, int, float, date)),
        "; put it in quotation marks: YAML reads yes, 1.0 and 2024-01-01 as other than texts",
    ),
    ("bool_type", str): "; a file says true or false, --config says True or False",
}


def _shown(value: object) -> str:
    """As JSON, its beginning where it is long."""
    try:
        text = "".join(islice(json.JSONEncoder(ensure_ascii=False, skipkeys=True, default=str).iterencode(value), 80))
    except ValueError:  # an alias within itself, or more digits than Python prints
        return "a value that cannot be printed"
    return text if len(text) < 80 else f"{text[:77]}..."


def groups() -> dict[str, JsonSchemaValue]:
    """The JSON schema of each group of keys, by its name."""
    schema = Study.model_json_schema()
    return {"Study": schema, **schema.pop("$defs")}
