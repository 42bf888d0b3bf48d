"""transformers' Trainer for models with a memory: heads and encoder by gradient, the memory by writing."""

from collections.abc import Callable, Mapping, Sequence
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor, nn
from transformers import (
    EvalPrediction,
    PreTrainedModel,
    Trainer,
    TrainerCallback,
    TrainerState,
    TrainingArguments,
    default_data_collator,
)
from transformers.training_args import ParallelMode

from hsokv.exceptions import ConfigurationError, DataError
from hsokv.hub.inputs import Text, check_texts
from hsokv.hub.modeling import SEPARATOR, TRAINED, HSOKVForSequenceClassification
from hsokv.learning.budget import FlopCounter
from hsokv.memory import functional as kv
from hsokv.metrics.classification import accuracy

INPUTS = ("input_ids", "pixel_values", "features")
P = ParamSpec("P")
T = TypeVar("T")

Batch = dict[str, Tensor | list[Text]]
"""One of `INPUTS` by its name, and where known "labels", classes [n], and "text", the texts."""


class HSOKVTrainer(Trainer):
    """Trains what of a model requires a gradient on -log p of its mixture, and writes what it has trained on.

    A row of a dataset is {"text": a text or a pair, "label": a name}, or tensors as `forward` takes them ("features",
    "pixel_values" or "input_ids", and "labels"). Every epoch begins with the memory as it was before training; after
    each step its examples are written, so that none finds itself, and a memory that is full folds. At the end of an
    epoch that moved the encoder, or was cut short, all examples are written anew. An encoder that is trained also makes
    the keys of remembered texts anew, except of those that were averaged. Evaluation only reads. `total_flos` is
    counted, writes included. Checkpoints are folders for `from_pretrained`, and resume to the same bytes.

    All else, callbacks, `report_to` and `model_init` included, is as in transformers; `args` is told not to remove
    columns, nor to pin memory where nothing reads it. Raises DataError for labels that the model does not know,
    ConfigurationError where there is nothing to train or there are several processes or devices, whose memories would
    differ.
    """

    def __init__(
        self, model: PreTrainedModel | nn.Module | None = None, args: TrainingArguments | None = None, **more: object
    ) -> None:
        args = args or TrainingArguments(output_dir="tmp_trainer")
        args.remove_unused_columns = False  # the texts go to the memory
        args.dataloader_pin_memory &= torch.accelerator.is_available()  # else torch warns at every loader
        if args.parallel_mode != ParallelMode.NOT_PARALLEL:
            raise ConfigurationError(
                f"the trainer runs in one process on one device, got {args.parallel_mode.value}: memories "
                "written apart would differ; set CUDA_VISIBLE_DEVICES to one device and start one process"
            )
        super().__init__(model, args, **{"data_collator": self._collate, "compute_metrics": _metrics} | more)
        if not isinstance(self.model, HSOKVForSequenceClassification):
            raise ConfigurationError(f"this trainer is for models with a memory, got a {type(self.model).__name__}")
        self._trained: list[Batch] = []  # since the last step of the optimizer
        self._step_flops = 0
        self._has_memory = getattr(self.model.predictor, "memory", None) is not None
        self._check()
        if self._has_memory:
            self.callback_handler.callbacks.insert(0, _Writing(self))  # before those that read what was written

    def training_step(
        self, model: nn.Module, inputs: dict[str, Tensor], num_items_in_batch: Tensor | None = None
    ) -> Tensor:
        """One step of the gradient, counted; its inputs are written to the memory when the optimizer has moved."""
        loss, self._step_flops = counted(super().training_step, model, inputs, num_items_in_batch)
        if self._has_memory:
            self._trained.append(inputs)
        return loss

    def floating_point_ops(self, inputs: dict[str, Tensor]) -> int:
        """Those of the last step, as they were counted."""
        return self._step_flops

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        """Take over a checkpoint, whose memory may have other slots."""
        checkpoint = HSOKVForSequenceClassification.from_pretrained(resume_from_checkpoint)
        self.model.load_state_dict(checkpoint.state_dict())
        self.model.run = checkpoint.run

    def _load_best_model(self) -> None:
        self._load_from_checkpoint(self.state.best_model_checkpoint)

    def _collate(self, rows: Sequence[Mapping[str, object]]) -> Batch:
        if "text" not in rows[0]:
            if not any(name in rows[0] for name in INPUTS):
                raise DataError(
                    f"a row wants text and label, or labels and one of {', '.join(INPUTS)}; got {[*rows[0]]}"
                )
            return default_data_collator(rows)
        model, labels = self.model, [row["label"] for row in rows if row.get("label") is not None]
        if len(labels) not in (0, len(rows)):
            raise DataError(f"{len(labels)} of {len(rows)} rows have a label: give one to all of them or to none")
        texts = check_texts([row["text"] for row in rows], model.encoder.pair)
        numbers = {"labels": torch.tensor(model.class_numbers(labels))} if labels else {}
        return {**model.encoder.batch(texts, model.tokenizer), **numbers, "text": texts}

    def _check(self) -> None:
        for rows in (self.train_dataset, self.eval_dataset):
            if hasattr(rows, "iloc"):
                raise DataError(
                    "a dataset must be a list of rows, got a table of pandas: give table.to_dict('records')"
                )
            if isinstance(rows, list | tuple):
                self.model.class_numbers([row.get("label") for row in rows if "text" in row])
        learning = {name.split(".")[0] for name, part in self.model.named_parameters() if part.requires_grad}
        if not learning or (learning == {"predictor"} and self._has_memory and self.model.gate == 1):
            raise ConfigurationError(
                "there is nothing to train: the encoder is frozen, and there are no heads or, the gate being 1, these "
                "do not count; set model.gate below 1, or model.encoder.requires_grad_()"
            )


class _Writing(TrainerCallback):
    """Writes to the memory what the trainer has trained on."""

    def __init__(self, trainer: HSOKVTrainer) -> None:
        self.trainer = trainer
        self._take()  # where training is resumed, the model holds a checkpoint when it begins

    def _take(self) -> None:
        state, entries = self.trainer.model.predictor.memory.state, self.trainer.model.entries
        own = (state.origin == TRAINED) & state.occupied  # of a training before: it may be on the same examples
        gone = set(map(str, state.number[own].tolist()))
        self.before = kv.remove(state, own)
        self.entries = {number: entry for number, entry in entries.items() if number not in gone}

    def on_train_begin(self, args: object, state: TrainerState, control: object, **_: object) -> None:
        """Begin with what is held now: texts may have been remembered or forgotten since the trainer was made."""
        if not state.global_step:
            self._take()

    def on_epoch_begin(self, args: object, state: TrainerState, control: object, **_: object) -> None:
        """Begin with the memory from before training, unless the epoch is resumed in its middle."""
        if float(state.epoch or 0).is_integer():
            self._begin()

    def on_step_end(self, args: object, state: TrainerState, control: object, **_: object) -> None:
        """Write the step's examples."""
        for inputs in self.trainer._trained:
            self._write(inputs)
        self.trainer._trained.clear()

    def on_epoch_end(self, args: object, state: TrainerState, control: object, **_: object) -> None:
        """Write all examples anew where the encoder has moved, or the epoch was cut short."""
        if self._moved() or not float(state.epoch).is_integer():
            self._begin()
            for inputs in self.trainer.get_test_dataloader(self.trainer.train_dataset):  # in order, each once
                self._write(inputs)

    def _begin(self) -> None:
        self.trainer._trained.clear()
        self.trainer.model.predictor.memory.state = self._renewed() if self._moved() else self.before
        self.trainer.model.entries = dict(self.entries)

    def _moved(self) -> bool:
        encoder = self.trainer.model.encoder
        return encoder is not None and any(part.requires_grad for part in encoder.parameters())

    @torch.no_grad()
    def _renewed(self) -> kv.MemoryState:
        """What was held before training, with keys as the encoder makes them now."""
        model, state = self.trainer.model, self.before
        held = zip(state.number.tolist(), state.count.tolist(), strict=True)
        texts = [self.entries.get(str(number), {}).get("text") if count == 1 else None for number, count in held]
        parts = [text.split(SEPARATOR) if text and model.encoder.pair else text for text in texts]
        slots = [slot for slot, text in enumerate(parts) if text and (isinstance(text, str) or len(text) == 2)]
        if not slots:
            return state
        features, flops = counted(model.encode, [parts[slot] for slot in slots])
        self.trainer.current_flos += flops
        renewed = kv.entries(state, model.keys(features), state.labels[slots]).keys
        return state._replace(keys=state.keys.index_copy(0, torch.tensor(slots, device=renewed.device), renewed))

    def _write(self, inputs: Batch) -> None:
        model = self.trainer.model
        given = {name: inputs[name].to(model.device) for name in (*INPUTS, "attention_mask") if name in inputs}
        labels = inputs["labels"].to(model.device)
        with torch.no_grad(), model.evaluating():
            features, flops = counted(model.features, **given)
            _, more = counted(model.write, features, labels, inputs.get("text"), "training", TRAINED)
        self.trainer.current_flos += flops + more


def counted(function: Callable[P, T], *args: P.args, **given: P.kwargs) -> tuple[T, int]:
    """What a function returns, and its floating-point operations, without those that the counter does not know:
    normalisations, dropout and others that are linear in what the products made."""
    with FlopCounter(strict=False) as counter:
        result = function(*args, **given)
    return result, counter.total


def _metrics(result: EvalPrediction) -> dict[str, float]:
    return {"accuracy": accuracy(result.predictions.argmax(-1), result.label_ids)}
