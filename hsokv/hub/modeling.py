"""A classifier of transformers' kind: encoder, heads, gate and memory; it goes on learning after it was loaded."""

import difflib
import json
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from numbers import Real
from typing import NamedTuple, TypedDict

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn.functional import nll_loss, pad
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.utils.generic import can_return_tuple

from hsokv.arms.fine_tune import FromImages
from hsokv.arms.predictors import Ensemble, Linear, Neighbours, Predictor
from hsokv.data.stream import standardise
from hsokv.exceptions import ConfigurationError, DataError, ModelError, check_count, nearest
from hsokv.hub.card import Run
from hsokv.hub.configuration import HSOKVConfig
from hsokv.hub.encoders import ENCODERS
from hsokv.hub.inputs import Text, as_list, check_class_names, check_features, check_strings, check_texts
from hsokv.hub.saving import LOCK, SavedModel
from hsokv.learning.modules import TupleModule, wide_zeros
from hsokv.memory import KeyValueMemory
from hsokv.memory import functional as kv

PREDICTORS = {"ensemble": Ensemble, "linear": Linear, "neighbours": Neighbours, "images": FromImages}
"""The predictors of the study's arms, by the name that stands in a model's configuration."""

REMEMBERED, TRAINED = 2, 3
"""Origins of entries written to a model, by itself or by a trainer, beside hsokv.arms.members' two."""

SEPARATOR = " | "
"""Between the two texts of a pair, in what an entry was written from."""


class Recalled(NamedTuple):
    """An entry of the memory as it was read: its text (None where none is known) and label, its cosine `similarity`,
    its `share` of the reading, the number of examples it stands for, and where it came from."""

    text: str | None
    label: str
    similarity: float
    share: float
    count: float
    source: str


class Transform(NamedTuple):
    """Mean and scale, [dim] each, by which features are standardised."""

    mean: Tensor
    scale: Tensor


class HSOKVForSequenceClassification(SavedModel):
    """p = (1 - g) p_heads + g p_memory of texts, of images, or of features of your own; logits are log p.

    `from_pretrained` loads a folder that `hsokv export` or `save_pretrained` wrote, or a repository of the hub. The
    memory's entries, counts and clock, the gate and the temperatures are persistent buffers; what the entries were
    written from, and the run the model comes from, stand in hsokv.json beside them. Only safetensors are read. A
    `state_dict` holds the texts and the names of the classes, too, and is loaded whatever the model holds by then.
    Heads and memory compute in float32 or wider, whatever the precision of the encoder. Threads may remember and
    predict at the same time. Under DistributedDataParallel each process keeps the entries that it wrote itself.
    """

    config_class = HSOKVConfig
    main_input_name = "input_ids"
    accepts_loss_kwargs = False  # the loss is a mean over its own batch
    _keys_to_ignore_on_save = ("_extra_state",)  # a folder has it as hsokv.json
    _keys_to_ignore_on_load_missing = ("_extra_state",)

    def __init__(self, config: HSOKVConfig) -> None:
        super().__init__(config)
        if not config.predictor:
            raise ConfigurationError("a configuration of its own makes no model: take text_memory, or from_pretrained")
        check_count(config.capacity, "capacity")
        kind, shapes = config.encoder["kind"], {key: of for key, of in config.encoder.items() if key != "kind"}
        self.encoder = ENCODERS[kind](**shapes) if kind in ENCODERS else None
        dim = config.transform
        self.transform = None if dim is None else TupleModule(Transform(wide_zeros(dim), wide_zeros(dim)))
        self.hold(PREDICTORS[config.predictor["kind"]].from_description(config.predictor["parts"]))
        names, classes = {str(c): name for c, name in config.id2label.items()}, self.predictor.classes
        if names.keys() != set(map(str, range(classes))):
            raise ConfigurationError(
                f"this model has classes 0..{classes - 1}, got names of {', '.join(names)}: leave num_labels and "
                "id2label out; `add_classes` makes room for more"
            )
        self._name_classes(check_class_names([names[str(c)] for c in range(classes)]), config.added)
        # DistributedDataParallel leaves each process its own entries, whose texts it cannot send.
        self._ddp_params_and_buffers_to_ignore = [f"predictor.{name}" for name, _ in self.predictor.named_buffers()]
        self.tokenizer: Tokenizer | None = None
        self.entries: dict[str, dict[str, str]] = {}
        self.run: Run | None = None
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Nothing is drawn at random: all there is comes from a run or a checkpoint."""

    def get_extra_state(self) -> Tensor:
        """What the tensors of a state_dict do not say, as JSON in bytes, which safetensors can hold."""
        state = {"predictor": self.predictor.describe(), "labels": self.labels, "added": self.config.added}
        text = json.dumps(state | {"entries": self.entries}).encode()
        return torch.from_numpy(np.frombuffer(text, np.uint8).copy())

    def state_dict(self, *args: object, **kwargs: object) -> dict[str, Tensor]:
        """The tensors, the texts and the names of one moment, whatever other threads write."""
        with LOCK:
            return super().state_dict(*args, **kwargs)

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: object) -> None:
        """Load a copy of the predictor first, so that one that does not fit changes nothing."""
        of_predictor = f"{prefix}predictor."
        parts = {
            name.removeprefix(of_predictor): part for name, part in state_dict.items() if name.startswith(of_predictor)
        }
        if (extra := state_dict.get(f"{prefix}_extra_state")) is not None:
            described = _read_extra(extra, self.predictor)["predictor"]
            type(self.predictor).from_description(described).load_state_dict(parts)
        elif any(name.startswith("memory.") for name in parts):
            raise ModelError("this state_dict has entries without their texts: take all that `state_dict()` gives")
        super()._load_from_state_dict(state_dict, prefix, *args)

    @torch.inference_mode(False)
    def set_extra_state(self, state: Tensor) -> None:
        """Take over names, texts and shapes; the tensors follow."""
        extra = _read_extra(state, self.predictor)
        predictor = type(self.predictor).from_description(extra["predictor"]).to(self.device)
        for name, part in self.predictor.named_parameters(recurse=False):
            if part.shape == getattr(predictor, name).shape:  # the very same, for its optimizer
                setattr(predictor, name, part)
        self.hold(predictor)
        self._name_classes(extra["labels"], extra["added"])
        self.entries.clear()
        self.entries |= extra["entries"]

    # --- what only reads

    @property
    def dtype(self) -> torch.dtype:
        """Of the numbers that it computes with; a nearest neighbour has no parameter that could tell."""
        return next(part.dtype for part in (*self.parameters(), *self.buffers()) if part.is_floating_point())

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return next(part.device for part in (*self.parameters(), *self.buffers()))

    @property
    def labels(self) -> list[str]:
        """Names of the classes, in their order."""
        return [self.config.id2label[c] for c in range(self.config.num_labels)]

    @torch.no_grad()
    def encode(self, texts: Iterable[Text]) -> Tensor:
        """Features [n, dim] of texts, of pairs for a model of pairs, without dropout also in training mode.

        `texts`: a list, a generator, an array, or a column of pandas or datasets. Raises DataError for a row that is no
        text, ModelError for a model of images.
        """
        if self.tokenizer is None:
            raise ModelError("this model reads images or features, not texts: call it with those")
        texts = check_texts(texts, self.encoder.pair)
        with self.evaluating():
            return self.encoder.encode(texts, self.tokenizer).to(self.device)

    def log_probs(self, features: Tensor) -> Tensor:
        """log p [n, classes] of features [n, dim] as the encoder makes them.

        How likely a class is that no head has learnt is the memory's to say alone; among the others the gate g holds as
        it was fitted. With P = sum_{c added} p_mem(c):

            p(c) = p_mem(c)  for c added,      p(c) = (1 - P) (1 - g) p_heads(c) + g p_mem(c)  for the others.
        """
        added = self.config.added
        with torch.autocast(features.device.type, enabled=False):
            x, predictor = self._transformed(features), self.predictor
            if not added:
                return predictor(x).log_probs
            heads, recalled = predictor.by_member(x).mean(0), predictor.recalled(predictor.read(x))
            new, known, gate = recalled[:, -added:], recalled[:, :-added], predictor.gate
            old = (1 - new.sum(-1, keepdim=True)) * (1 - gate) * heads[:, :-added] + gate * known
            return torch.cat([old, new], -1).log()

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        pixel_values: Tensor | None = None,
        features: Tensor | None = None,
        labels: Tensor | None = None,
        **_: object,
    ) -> SequenceClassifierOutput:
        """Log-probabilities, and their mean loss in nats where `labels` [n] are given; changes nothing.

        Exactly one of `input_ids` [n, length] (of pairs [n, 2, length]), `pixel_values` uint8 [n, 3, 32, 32] and
        `features` [n, dim] is wanted; raises ConfigurationError.
        """
        log_probs = self.log_probs(self.features(input_ids, attention_mask, pixel_values, features))
        return SequenceClassifierOutput(None if labels is None else nll_loss(log_probs, labels), log_probs)

    def features(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        pixel_values: Tensor | None = None,
        features: Tensor | None = None,
    ) -> Tensor:
        """Features [n, dim] of what `forward` takes; gradients reach the encoder."""
        named = {"input_ids": input_ids, "pixel_values": pixel_values, "features": features}
        given, takes = [name for name, part in named.items() if part is not None], ["features"]
        if self.encoder is not None:
            takes.append(self.encoder.reads)
        if len(given) != 1 or given[0] not in takes:
            raise ConfigurationError(
                f"forward takes one of {', '.join(takes)}, got {', '.join(given) or 'none'}: give what this model was "
                "made for"
            )
        if input_ids is not None:
            return self.encoder(input_ids, attention_mask)
        if pixel_values is not None:
            return self.encoder(pixel_values)
        return check_features(features, self.config.transform)

    @torch.no_grad()
    def predict(self, texts: Iterable[Text]) -> list[dict[str, float]]:
        """The probability of every class, by name and most likely first, for each text; `texts` as in `encode`."""
        features = self.encode(texts)
        with LOCK:  # so that no class is added in between
            labels, rows = self.labels, self.log_probs(features).exp().tolist()
        return [dict(sorted(zip(labels, row, strict=True), key=lambda item: -item[1])) for row in rows]

    @torch.no_grad()
    def recall(self, text: Text, k: int = 5) -> list[Recalled]:
        """The entries of the memory that count most for a text, at most k, with their share of what the memory says.

        The share of entry j is n_j e^{b cos_j} over the sum of all that is read, averaged over the members'
        inverse temperatures b. Raises ConfigurationError for a k below 1.
        """
        check_count(k, "k")
        x = self._transformed(self.encode([text]))
        with LOCK:
            ensemble, memory = self._ensemble(), self._ensemble().memory
            nearest = kv.Retrieval(*(part[0] for part in ensemble.read(x)))
            weight = nearest.count.log() + ensemble.inverse_temperature[:, None] * nearest.similarity
            shares = weight.softmax(-1).mean(0)
            heaviest = shares.argsort(descending=True, stable=True)[: min(k, int((nearest.count > 0).sum()))]
            slots = nearest.slots[heaviest]
            entries = [self.entries.get(str(number), {}) for number in memory.number[slots].tolist()]
            labels = [self.labels[label] for label in memory.labels[slots].tolist()]
            numbers = (nearest.similarity[heaviest], shares[heaviest], memory.count[slots])
        rows = zip(entries, labels, *(part.tolist() for part in numbers), strict=True)
        return [Recalled(entry.get("text"), *row, entry.get("source", "unknown")) for entry, *row in rows]

    def __len__(self) -> int:
        """Entries held."""
        return len(self._ensemble().memory)

    def __bool__(self) -> bool:
        """A model is one, whatever it holds."""
        return True

    # --- what changes the memory; each checks first, so that an error leaves everything as it was

    def remember(self, texts: Iterable[Text], labels: Iterable[str], source: str = "remembered") -> None:
        """Write texts of known classes to the memory: no gradient, one pass of the encoder.

        `texts` as in `encode`, `labels` their names in any such shape. Where the memory is full, a quota a class
        decides what stays, and the rest is averaged into it. A model whose gate is 0 lets its memory speak for classes
        alone that were added later. Raises DataError for labels that the model does not know, ModelError for a model
        without a memory.
        """
        ensemble, texts = self._ensemble(), check_texts(texts, getattr(self.encoder, "pair", False))
        numbers = self.class_numbers(labels)
        if len(texts) != len(numbers):
            raise DataError(f"got {len(texts)} texts and {len(numbers)} labels: give one label for each text")
        if not texts:
            return
        if float(ensemble.gate) == 0 and min(numbers) < len(self.labels) - self.config.added:
            warnings.warn("the gate is 0, so the memory counts for added classes alone: set model.gate", stacklevel=2)
        self.write(self.encode(texts), torch.tensor(numbers, device=self.device), texts, source)

    @torch.inference_mode(False)
    @torch.no_grad()
    def write(
        self,
        features: Tensor,
        numbers: Tensor,
        texts: Sequence[Text] | None = None,
        source: str = "remembered",
        origin: int = REMEMBERED,
    ) -> None:
        """What `remember` does with features [n, dim] of the encoder and numbers [n] of classes; texts where known.

        The memory doubles up to the capacity, then consolidates.
        """
        keys, (source,) = self.keys(features), check_strings([source], "source")
        texts = [None] * len(numbers) if texts is None else check_texts(texts, getattr(self.encoder, "pair", False))
        if len(texts) != len(numbers):
            raise DataError(f"got {len(texts)} texts and {len(numbers)} labels: give one label for each text")
        with LOCK:
            memory = self._ensemble().memory
            kv.check_entries(keys, numbers, memory.classes)
            first, needed, most = int(memory.clock), len(memory) + len(numbers), self.config.capacity
            if memory.capacity < min(needed, most):
                memory.resize(min(2 ** (needed - 1).bit_length(), most))
            memory.write(keys, numbers, gather=False, origin=origin)
            for number, text in enumerate(texts, first):
                self.entries[str(number)] = ({} if text is None else {"text": _joined(text)}) | {"source": source}
            self._prune_entries()

    @torch.inference_mode(False)
    @torch.no_grad()
    def forget(self, texts: Iterable[Text] | None = None, *, label: str | None = None) -> int:
        """Remove the entries of these texts, or all those of a label; returns how many these were.

        Raises DataError for a text or label that no entry has, ConfigurationError unless one of both is given.
        """
        if (texts is None) == (label is None):
            raise ConfigurationError("forget takes either texts or a label: give one of them")
        with LOCK:
            memory = self._ensemble().memory
            held = len(memory)
            if label is None:
                wanted = set(check_strings(map(_joined, as_list(texts, "texts")), "texts"))
                numbers = {int(number): entry.get("text") for number, entry in self.entries.items()}
                for text in sorted(wanted - set(numbers.values())):
                    near = difflib.get_close_matches(text, filter(None, numbers.values()), n=1)
                    hint = f"; did you mean {near[0]!r}?" if near else ""
                    if (memory.count > 1).any():
                        hint += "; a full memory averages texts into others, which only `forget(label=...)` removes"
                    raise DataError(f"no entry has the text {text!r}{hint}")
                gone = torch.tensor([number for number, text in numbers.items() if text in wanted], dtype=torch.int64)
                memory.forget(torch.isin(memory.state.number, gone.to(self.device)))
            else:
                memory.forget(label=self.class_numbers([label])[0])
            self._prune_entries()
            return held - len(memory)

    @torch.inference_mode(False)
    @torch.no_grad()
    def add_classes(self, labels: Iterable[str]) -> None:
        """Make room for classes that the heads have never learnt; what the memory will hold of them decides.

        Raises DataError for names that are no different strings or are there already, ModelError for a model without a
        memory.
        """
        with LOCK:
            ensemble, new = self._ensemble(), check_class_names(labels)
            if known := set(new) & set(self.labels):
                raise DataError(f"there is a class {min(known)!r} already: choose another name")
            parts = {name: getattr(ensemble, name) for name in ensemble.describe()}
            memory, classes = ensemble.memory, ensemble.classes + len(new)
            grown = KeyValueMemory(memory.key_dim, classes, memory.capacity, memory.k).to(self.device)
            grown.state = memory.state
            heads = {"weight": pad(ensemble.weight, (0, len(new)))}  # which hold impossible what they have not learnt
            heads["bias"] = pad(ensemble.bias, (0, len(new)), value=-torch.inf)
            self._name_classes([*self.labels, *new], self.config.added + len(new))
            self.hold(Ensemble(**parts | heads | {"classes": classes, "memory": grown}))

    @property
    def gate(self) -> float:
        """The share g in [0, 1] of the memory, among the classes that the heads have learnt."""
        return float(self._ensemble().gate)

    @gate.setter
    @torch.inference_mode(False)
    def gate(self, share: float) -> None:
        if not isinstance(share, Real) or not 0 <= share <= 1:
            raise ConfigurationError(f"gate must be a share in [0, 1], got {share!r}")
        with LOCK:
            ensemble = self._ensemble()
            ensemble.gate = torch.full_like(ensemble.gate, share)

    # --- what trainers use

    def keys(self, features: Tensor) -> Tensor:
        """Keys [n, key_dim] of the memory, of features [n, dim] of the encoder."""
        return self._ensemble().keys(self._transformed(features))

    def hold(self, predictor: Predictor) -> None:
        """Predict with `predictor` from now on; its heads can be trained."""
        self.predictor = predictor
        for part in predictor.parameters(recurse=False):
            part.requires_grad_()

    def class_numbers(self, labels: Iterable[str]) -> list[int]:
        """Numbers of classes by their names; raises DataError for a name that the model does not know."""
        known = {label: c for c, label in enumerate(self.labels)}
        names = check_strings(labels, "labels")
        for label in names:
            if label not in known:
                near = nearest(label, known)
                raise DataError(f"unknown label {label!r}{near}: `add_classes([{label!r}])` makes room for it")
        return [known[label] for label in names]

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Leave dropout out for the time of the block."""
        training = [module for module in self.modules() if module.training]
        for module in training:
            module.training = False
        try:
            yield
        finally:
            for module in training:
                module.training = True

    # --- inside

    def _transformed(self, features: Tensor) -> Tensor:
        if not features.is_floating_point():
            return features
        features = features.to(self.predictor.dtype)
        return features if self.transform is None else standardise(features, *self.transform.value())

    def _ensemble(self) -> Ensemble:
        predictor = self.predictor
        if not isinstance(predictor, Ensemble) or predictor.memory is None:
            arm = self.run["arm"] if self.run else "an arm without one"
            raise ModelError(f"this model has no memory ({arm}): take an arm that has, such as full or kv_only")
        return predictor

    def _name_classes(self, labels: Sequence[str], added: int) -> None:
        self.config.id2label = dict(enumerate(labels))
        self.config.label2id = {label: c for c, label in enumerate(labels)}
        self.config.added = added

    def _prune_entries(self) -> None:
        memory = self._ensemble().memory
        if len(self.entries) > len(memory):
            for number in self.entries.keys() - set(map(str, memory.number.tolist())):
                del self.entries[number]  # from this very dict, which shallow copies share as they share the memory


class _Extra(TypedDict):
    predictor: dict[str, object]
    labels: list[str]
    added: int
    entries: dict[str, dict[str, str]]


def _read_extra(state: Tensor, predictor: Predictor) -> _Extra:
    """What `get_extra_state` says of a model with such a predictor; raises ModelError."""
    try:
        extra = json.loads(state.cpu().numpy().tobytes())
        described, _, _ = extra["predictor"], [*extra["labels"], extra["added"]], extra["entries"].items()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"_extra_state of this state_dict is damaged ({error!r}): take it from `state_dict()`"
        ) from error
    if described.keys() != predictor.describe().keys():
        raise ModelError(f"this state_dict is of another kind of model: it has {', '.join(described)}")
    return extra


def _joined(text: Text) -> str:
    return SEPARATOR.join(text) if isinstance(text, list | tuple) else text
