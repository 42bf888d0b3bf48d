"""A run of the study as a model: its method is fitted again, held against its record, and saved with its encoder."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypedDict

import numpy as np

from hsokv.arms.registry import METHODS
from hsokv.data.catalogue import SOURCES
from hsokv.data.rare_words import draw_background, make_world
from hsokv.encoders.files import MINILM, EncoderSource
from hsokv.exceptions import RecordError
from hsokv.records import RunRecord
from hsokv.study.benchmarks import module_of, source_of, task_of
from hsokv.study.conditions import encoding_of
from hsokv.study.config import KINDS
from hsokv.study.features import opened
from hsokv.study.rare_words import spell, train_encoders, world_settings
from hsokv.study.runs import PROTOCOLS, run_method

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import Tensor, nn

    from hsokv.arms.interface import Fitted
    from hsokv.definitions import Definition
    from hsokv.encoders.patches import PatchDictionary
    from hsokv.hub import HSOKVForSequenceClassification

NAMES = {"sst2": ["negative", "positive"], "sst2_synthetic": ["negative", "positive"]}
"""What classes are called that a source only numbers."""

SOURCE = ("shot", "description")  # by the origins of hsokv.arms.members


class Parts(TypedDict, total=False):
    """What a model has beside what its method learnt, as `hsokv.hub.make_model` takes it."""

    labels: list[str]
    encoder: "nn.Module"
    tokenizer: "Tokenizer"
    transform: "tuple[Tensor, Tensor]"


class Texts(NamedTuple):
    """The text encoder of a condition, and, for one that is tuned again, the folder of official data (None: a download)
    and how many rows of them are for development."""

    encoder: EncoderSource = MINILM
    root: Path | None = None
    validation_rows: int = 0


def export_model(
    record: RunRecord,
    definition: "Definition",
    features: Path,
    scores: Mapping[int, Mapping[str, float]],
    texts: Texts | None = None,
    small: bool = False,
) -> "HSOKVForSequenceClassification":
    """The model of a run whose feature files lie in `features`; `definition` is its benchmark's in the configuration.

    Of a benchmark of texts, `texts` says where these and their encoder are; an encoder that was tuned is tuned again.
    For the model card: `scores`, those of all seeds, and whether the study was a `small` one. Raises RecordError for a
    run that could not be made, or whose record or features are not what comes out now.
    """
    name, condition = f"{record.benchmark}/{record.condition}/{record.arm}", record.configuration["condition"]
    if record.status != "done":
        raise RecordError(f"{name}: not run, so there is no model of it: {record.reason}")
    folder = features / encoding_of(record.condition, condition)
    fitted = fit_again(record, definition, folder)
    path = folder / f"seed{record.seed}.npz"
    parts = _PARTS[definition["kind"]](record, definition, path, texts or Texts())
    memory = fitted.instruments.get("memory", {})
    written = record.instruments.get("memory", {}).get("texts", [])
    origin = f"{record.benchmark}, seed {record.seed}: "
    entries = {
        str(number): {"text": text, "source": origin + SOURCE[kind]}
        for number, text, kind in zip(memory.get("numbers", []), written, memory.get("origins", []), strict=False)
    }
    source = definition.get("source", "").removesuffix("_synthetic")
    terms = {key: getattr(SOURCES[source], key) for key in ("licence", "citation")} if source in SOURCES else {}
    told = ("benchmark", "condition", "arm", "seed", "version", "flops", "data")
    of_seeds = {str(record.seed): record.scores, **{str(seed): found for seed, found in scores.items()}}
    run = {key: getattr(record, key) for key in told} | {"scores": of_seeds, "terms": terms, "small": small}
    from hsokv.hub import make_model

    capacity = definition.get("capacity", record.configuration["settings"].get("memory", {}).get("capacity", 1000))
    return make_model(fitted.predict, capacity=capacity, entries=entries, run=run, **parts)


def fit_again(record: RunRecord, definition: "Definition", features: Path) -> "Fitted":
    """What the method of a record ends with, fitted as it was; RecordError where it does not answer as the record says.

    `features` is the folder of the record's condition.
    """
    from hsokv.learning.budget import Budget
    from hsokv.study.features import read_provenance

    protocol = PROTOCOLS[KINDS[definition["kind"]].protocol]
    method = getattr(import_module(module_of(record.arm)), protocol.method)
    answers: list[Fitted] = []

    def kept(*arguments: object) -> object:
        found = method(*arguments)
        if protocol.method == "fit":
            answers.append(found)
            return found
        return (answers.append(answer) or answer for answer in found)

    kept_back = read_provenance(features / f"seed{record.seed}.npz")["encoder"].get("tuning_flops", 0)
    task = task_of(definition, record.arm) | {
        "conditions": {record.condition: record.configuration["condition"]},
        **{key: record.configuration[key] for key in ("folds", "capacity") if key in record.configuration},
    }
    budget = Budget(record.flops["allowed"] - kept_back)
    found = run_method(record, kept, record.configuration["settings"], task, features, budget)
    if found.outcomes != record.outcomes:
        raise RecordError(
            f"{record.benchmark}/{record.condition}/{record.arm}/seed{record.seed}: fitted again, it does not answer "
            "as its record says: the features or the code have changed; run `snakemake --cores 2` on the record first"
        )
    return answers[-1]


def _texts(record: RunRecord, definition: "Definition", path: Path, texts: Texts) -> Parts:
    """Encoder, tokenizer, centre and class names of a text benchmark."""
    import torch

    from hsokv.encoders.files import resolve_encoder
    from hsokv.hub.encoders import TextInputs
    from hsokv.study.encoders import load_encoder
    from hsokv.study.tuned_export import tune_again

    condition = record.configuration["condition"]
    encoder = load_encoder(resolve_encoder(texts.encoder), condition)
    if "tuning" in condition:
        told = (source_of(definition), texts.root, texts.validation_rows)
        encoder = tune_again(encoder, record.condition, condition, path, record.seed, *told)
    centred_on = "pseudo" if condition.get("learn_pseudo_labels") else "train"
    with opened(path) as arrays:
        x = torch.from_numpy(arrays[f"{record.condition}/{centred_on}/x"])
    inputs = TextInputs.of(encoder, pair=x.shape[1] == 2 * encoder.model.config.hidden_size)
    return {
        "labels": NAMES.get(definition["source"]) or record.data["texts"]["labels"],
        "encoder": inputs,
        "tokenizer": encoder.tokenizer,
        "transform": (x.mean(0), torch.ones(x.shape[1])),
    }


def _words(record: RunRecord, definition: "Definition", path: Path, texts: Texts) -> Parts:
    """The encoders of a world, trained again, its words as a tokenizer; classes are the numbers of the rare words."""
    import torch

    from hsokv.encoders.contexts import encode
    from hsokv.hub.encoders import ContextInputs
    from hsokv.hub.tokenizer import word_tokenizer

    settings = world_settings(definition["world"])
    background = draw_background(make_world(settings, record.seed))
    encoders = train_encoders(record.seed, settings, background, definition["encoder_steps"])
    mean = torch.from_numpy(encode(encoders, background.tokens).mean(0))
    return {
        "labels": [f"word {c}" for c in range(settings.rare_words)],
        "encoder": ContextInputs.of(encoders, mean),
        "tokenizer": word_tokenizer(spell(settings, np.arange(1, settings.vocabulary)[:, None])),
    }


def _images(record: RunRecord, definition: "Definition", path: Path, texts: Texts) -> Parts:
    """The patch dictionary of a few-shot task: features as standard scores by its pool, centred on the train shots."""
    if "encoder" in record.configuration["condition"]:
        raise RecordError(
            f"{record.benchmark}/{record.condition}/{record.arm}: wanted a condition with the dictionary of patches, "
            f"came one with {record.data['encoder']['name']}, which models do not hold; export another"
        )
    import torch

    from hsokv.hub.encoders import PatchInputs

    with opened(path) as arrays:
        names, dictionary = arrays["names"].tolist(), _dictionary(arrays)
        mean, scale = (torch.from_numpy(arrays[f"scaling/{name}"]) for name in ("mean", "scale"))
        centre = torch.from_numpy(arrays[f"{record.condition}/train/x"]).mean(0)
    return {"labels": names, "encoder": PatchInputs.of(dictionary), "transform": (mean + scale * centre, scale)}


def _stream(record: RunRecord, definition: "Definition", path: Path, texts: Texts) -> Parts:
    """The patch dictionary of a stream, and how its first task scales features; an arm of images has its own."""
    import torch

    from hsokv.data.stream import scaling
    from hsokv.hub.encoders import FlatImages, PatchInputs

    with opened(path) as arrays:
        names = arrays["names"].tolist()
        if METHODS[record.arm].images:
            return {"labels": names, "encoder": FlatImages()}
        dictionary = _dictionary(arrays)
        first = arrays["train/y"] < len(names) // record.configuration["condition"]["tasks"]
        x = torch.from_numpy(arrays["train/x"][first]).float()
    return {"labels": names, "encoder": PatchInputs.of(dictionary), "transform": scaling(x)}


_PARTS = {"texts": _texts, "words": _words, "images": _images, "stream": _stream}


def _dictionary(arrays: Mapping[str, np.ndarray]) -> "PatchDictionary":
    """The patch dictionary that a feature file holds."""
    import torch

    from hsokv.encoders.patches import PatchDictionary

    return PatchDictionary(*(torch.from_numpy(arrays[f"dictionary/{name}"]) for name in PatchDictionary._fields))
