"""A classifier of transformers' kind: encoder, heads, gate and memory; it goes on learning after it was loaded."""

import difflib
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn.functional import nll_loss
from transformers.modeling_outputs import SequenceClassifierOutput

from hsokv.data.stream import standardise
from hsokv.exceptions import ConfigurationError, DataError, ModelError, nearest
from hsokv.hub import remembering
from hsokv.hub.configuration import HSOKVConfig
from hsokv.hub.encoders import ENCODERS, Text
from hsokv.hub.packing import KINDS, Packed
from hsokv.hub.remembering import Recalled
from hsokv.hub.saved_model import SavedModel
from hsokv.methods.ensemble import Ensemble


class HSOKVForSequenceClassification(SavedModel):
    """p = (1 - g) p_heads + g p_memory of texts, of images, or of features of your own; logits are log p.

    `from_pretrained` loads a folder that `hsokv export` or `save_pretrained` wrote, or a repository of the hub. The
    memory's entries, counts and clock, the gate and the temperatures are persistent buffers; what the entries were
    written from, and the run the model comes from, stand in hsokv.json beside them. Only safetensors are read.
    """

    config_class = HSOKVConfig
    main_input_name = "input_ids"
    accepts_loss_kwargs = False  # the loss is a mean over its own batch

    def __init__(self, config: HSOKVConfig) -> None:
        super().__init__(config)
        kind = (config.encoder or {"kind": "none"})["kind"]
        self.encoder = ENCODERS[kind](config.encoder) if kind in ENCODERS else None
        if config.transform is not None:
            self.register_buffer("mean", torch.zeros(config.transform))
            self.register_buffer("scale", torch.ones(config.transform))
        self.predictor = Packed(KINDS[config.predictor["kind"]], config.predictor["fields"])
        self.tokenizer: Tokenizer | None = None
        self.entries: dict[str, dict[str, str]] = {}
        self.run: dict[str, Any] = {}
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Nothing is drawn at random: all there is comes from a run or a checkpoint."""

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

    def encode(self, texts: Sequence[Text]) -> Tensor:
        """Features [n, dim] of texts, of pairs for a model of pairs. Raises ModelError for a model of images."""
        if self.tokenizer is None:
            raise ModelError("wanted a model of texts, came one of images or features: call it with those instead")
        if isinstance(texts, str):
            raise DataError(f"wanted a list of texts, came one, {texts!r}: put it in a list")
        with torch.no_grad():
            return self.encoder.encode(texts, self.tokenizer).to(self.device)

    def log_probs(self, features: Tensor) -> Tensor:
        """log p [n, classes] of features [n, dim] as the encoder makes them."""
        x, predictor = self._placed(features), self.predictor.value()
        if isinstance(predictor, Ensemble):
            return remembering.log_probs(predictor, x, self.config.added)
        return predictor(x).log_probs

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        pixel_values: Tensor | None = None,
        features: Tensor | None = None,
        labels: Tensor | None = None,
        **_: Any,
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
        given = [part for part in (input_ids, pixel_values, features) if part is not None]
        if len(given) != 1 or (features is None and self.encoder is None):
            wanted = "features" if self.encoder is None else "one of input_ids, pixel_values and features"
            raise ConfigurationError(f"wanted {wanted}, came {len(given)} of them: give what this model was made for")
        if input_ids is not None:
            return self.encoder(input_ids, attention_mask)
        return features if pixel_values is None else self.encoder(pixel_values)

    @torch.no_grad()
    def predict(self, texts: Sequence[Text]) -> list[dict[str, float]]:
        """The probability of every class, by name and most likely first, for each text."""
        rows = self.log_probs(self.encode(texts)).exp().tolist()
        return [dict(sorted(zip(self.labels, row, strict=True), key=lambda item: -item[1])) for row in rows]

    @torch.no_grad()
    def recall(self, text: Text, k: int = 5) -> list[Recalled]:
        """The entries of the memory that count most for a text, at most k, with their share of what the memory says."""
        ensemble = self._ensemble()
        found = remembering.recall(ensemble, self._placed(self.encode([text]))[0], k)
        state, rows = ensemble.memory.state, zip(*(part.tolist() for part in found), strict=True)
        return [
            Recalled(
                text=self._entry(slot).get("text"),
                label=self.config.id2label[int(state.labels[slot])],
                similarity=similarity,
                share=share,
                count=float(state.count[slot]),
                source=self._entry(slot).get("source", "unknown"),
            )
            for slot, similarity, share in rows
        ]

    def __len__(self) -> int:
        """Entries held."""
        return int(self._ensemble().memory.state.occupied.sum())

    def __bool__(self) -> bool:
        """A model is one, whatever it holds."""
        return True

    # --- what changes the memory; each checks first, so that an error leaves everything as it was

    @torch.no_grad()
    def remember(self, texts: Sequence[Text], labels: Sequence[str], source: str = "remembered") -> None:
        """Write texts of known classes to the memory: no gradient, one pass of the encoder.

        Where the memory is full, a quota a class decides what stays, and the rest is averaged into it. A model whose
        gate is 0 lets its memory speak for classes alone that were added later. Raises DataError for labels that the
        model does not know, ModelError for a model without a memory.
        """
        ensemble = self._ensemble()
        if len(texts) != len(labels):
            raise DataError(f"wanted one label a text, came {len(texts)} texts and {len(labels)} labels")
        for label in labels:
            if label not in self.config.label2id:
                near = nearest(label, self.labels)
                raise DataError(f"unknown label {label!r}{near}: `add_classes([{label!r}])` makes room for it")
        if not labels:
            return
        numbers = torch.tensor([self.config.label2id[label] for label in labels], device=self.device)
        if float(ensemble.gate) == 0 and bool((numbers < len(self.labels) - self.config.added).any()):
            warnings.warn("the gate is 0, so the memory counts for added classes alone: set model.gate", stacklevel=2)
        self.write(self.encode(texts), numbers, texts, source)

    @torch.no_grad()
    def write(
        self,
        features: Tensor,
        numbers: Tensor,
        texts: Sequence[Text] | None = None,
        source: str = "remembered",
        origin: int = remembering.REMEMBERED,
    ) -> None:
        """What `remember` does with features [n, dim] of the encoder and numbers [n] of classes; texts where known."""
        ensemble = self._ensemble()
        first = int(ensemble.memory.state.clock)
        self._keep(remembering.remember(ensemble, self._placed(features), numbers, self.config.capacity, origin))
        for number, text in enumerate(texts or [None] * len(numbers), first):
            told = {} if text is None else {"text": text if isinstance(text, str) else " | ".join(text)}
            self.entries[str(number)] = told | {"source": source}
        self._forget_texts()

    @torch.no_grad()
    def forget(self, texts: Sequence[str] | None = None, *, label: str | None = None) -> int:
        """Remove the entries of these texts, or all those of a label; returns how many these were.

        Raises DataError for a text or label that no entry has, ConfigurationError unless one of both is given.
        """
        if (texts is None) == (label is None):
            raise ConfigurationError("forget wants either texts or a label, came both or neither: give one of them")
        ensemble = self._ensemble()
        state = ensemble.memory.state
        if label is None:
            held = {entry.get("text") for entry in self.entries.values()}
            for text in texts:
                if text not in held:
                    near = difflib.get_close_matches(text, filter(None, held), n=1)
                    raise DataError(
                        f"no entry has the text {text!r}" + (f"; did you mean {near[0]!r}?" if near else "")
                    )
            numbers = [int(number) for number, entry in self.entries.items() if entry.get("text") in set(texts)]
            chosen = torch.isin(state.number, torch.tensor(numbers, device=state.number.device))
        elif label not in self.config.label2id:
            raise DataError(f"unknown label {label!r}{nearest(label, self.labels)}")
        else:
            chosen = (state.labels == self.config.label2id[label]) & state.occupied
        self._keep(remembering.forget(ensemble, chosen))
        self._forget_texts()
        return int(chosen.sum())

    @torch.no_grad()
    def add_classes(self, labels: Sequence[str]) -> None:
        """Make room for classes that the heads have never learnt; what the memory will hold of them decides.

        Raises DataError for a name that there is already, ModelError for a model without a memory.
        """
        ensemble, known = self._ensemble(), self.labels
        for label in labels:
            if label in known:
                raise DataError(f"there is a class {label!r} already: choose another name")
            known.append(label)
        self.config.id2label = dict(enumerate(known))
        self.config.label2id = {label: c for c, label in enumerate(known)}
        self.config.added += len(labels)
        self._keep(remembering.add_classes(ensemble, len(labels)))

    @property
    def gate(self) -> float:
        """The share g in [0, 1] of the memory, among the classes that the heads have learnt."""
        return float(self._ensemble().gate)

    @gate.setter
    def gate(self, share: float) -> None:
        if not 0 <= share <= 1:
            raise ConfigurationError(f"gate: wanted a share in [0, 1], came {share}")
        ensemble = self._ensemble()
        self._keep(ensemble._replace(gate=torch.full_like(ensemble.gate, share)))

    # --- inside

    def _placed(self, features: Tensor) -> Tensor:
        return features if self.config.transform is None else standardise(features, self.mean, self.scale)

    def _ensemble(self) -> Ensemble:
        predictor = self.predictor.value()
        if not isinstance(predictor, Ensemble) or predictor.memory is None:
            arm = self.run.get("arm", "an arm without one")
            raise ModelError(f"this model has no memory ({arm}): take an arm that has, such as full or kv_only")
        return predictor

    def _keep(self, ensemble: Ensemble) -> None:
        self.predictor.keep(ensemble)

    def _entry(self, slot: int) -> Mapping[str, str]:
        return self.entries.get(str(int(self._ensemble().memory.state.number[slot])), {})

    def _forget_texts(self) -> None:
        held = set(map(str, self._ensemble().memory.state.number.tolist()))
        self.entries = {number: entry for number, entry in self.entries.items() if number in held}
