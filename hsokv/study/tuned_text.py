"""The features of text conditions whose encoder is tuned for them: one encoder a seed, its top layers tuned on the
shots, or on texts without labels that descriptions of the labels label (semi-supervised)."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from hsokv.data.examples import PAIR, Examples, draw_shots, draw_unlabelled
from hsokv.encoders.files import resolve_encoder
from hsokv.exceptions import ConfigurationError
from hsokv.study.conditions import DESCRIPTIONS
from hsokv.study.encoders import describe_encoder, load_encoder
from hsokv.study.features import Made, Request, write_missing
from hsokv.study.shots import arrays_of, describe
from hsokv.study.text import load_texts

if TYPE_CHECKING:
    from hsokv.encoders.texts import States, TextEncoder


class Tuned(NamedTuple):
    """An encoder tuned for one seed, the states of whose lower layers come from `ConditionTuner.below`.

    `flops`: the operations that all of it took. `pseudo`: the texts that descriptions labelled, if any, with these
    labels, their `states`, and the share that was `right`.
    """

    encoder: "TextEncoder"
    flops: int
    pseudo: Examples | None = None
    states: "States | None" = None
    right: float | None = None


class ConditionTuner:
    """Tunes an encoder for a condition, seed after seed; what no seed changes is read once.

    Args:
        encoder: cut after the condition's `layer`, if it names one; stays as it is.
        condition: with its `tuning`, docs/configuration.md.
        pool: the texts that shots are drawn from; with `by: descriptions` also those that are read without labels.
    """

    def __init__(self, encoder: "TextEncoder", condition: Mapping[str, Any], pool: Examples | None) -> None:
        self.condition, self.tuning = condition, condition["tuning"]
        frozen = encoder.size.layers - self.tuning["layers"]
        if frozen < 0:
            raise ConfigurationError(
                f"tuning.layers must be at most {encoder.size.layers}, the layers of this encoder, "
                f"got {self.tuning['layers']}"
            )
        self.encoder, self.below, self.above = encoder, encoder.below(frozen), encoder.above(frozen)
        if self.tuning["by"] == DESCRIPTIONS:
            # As many more as a seed's shots, which it leaves out, can be among them.
            shots = 2 * condition["shots"] * len(pool.names)
            self.unlabelled = draw_unlabelled(pool, self.tuning["unlabelled"] + shots)
            self.described = describe(**self.tuning["descriptions"])
            self.unlabelled_states, self.described_states = map(self.read, (self.unlabelled, self.described))

    def read(self, examples: Examples) -> "States":
        """The token states of texts, or of pairs with a PAIR between, below the layers that are tuned."""
        return read_states(self.below, examples.inputs)

    def tune(self, seed: int, train: Examples, dev: Examples, shots: "States") -> Tuned:
        """Tune for the shots of a seed; `shots` are the states of `train`, and `dev` is only left out."""
        import torch

        from hsokv.encoders.tuning import TuningSettings, tune

        settings = TuningSettings(*(self.tuning[name] for name in TuningSettings._fields))
        generator = torch.Generator().manual_seed(seed)
        if self.tuning["by"] != DESCRIPTIONS:
            labels = torch.from_numpy(train.labels)
            return Tuned(*tune(self.above, shots, labels, settings, generator, self.tuning["by"]))
        pseudo, states, reading, right = self._label({*train.inputs, *dev.inputs})
        tuned = tune(self.above, states, torch.from_numpy(pseudo.labels), settings, generator)
        return Tuned(tuned.encoder, tuned.flops + reading, pseudo, states, right)

    def whole(self, tuned: Tuned) -> "TextEncoder":
        """The encoder of texts that a tuned one is the upper part of."""
        return self.encoder.with_layers([*self.below.layers, *tuned.encoder.layers])

    def _label(self, shots: set[str]) -> "tuple[Examples, States, int, float]":
        """The surest texts beside the `shots` with their pseudo labels, their states, operations, and share right.

        As pooled below the tuned layers, the descriptions say which.
        """
        import torch

        from hsokv.encoders.texts import encoder_flops
        from hsokv.encoders.tuning import pseudo_labels

        beside = [row for row, text in enumerate(self.unlabelled.inputs) if text not in shots]
        rows = beside[: self.tuning["unlabelled"]]
        texts, states = self.unlabelled.take(rows), self.unlabelled_states.take(rows)
        x, described = map(self.above.below(0).vectors, (states, self.described_states))
        chosen, labels = pseudo_labels(
            described, torch.from_numpy(self.described.labels), x, self.tuning["pseudo_label_fraction"]
        )
        reading = [len(text) for part in (states, self.described_states) for text in part.tokens]
        right = float((torch.from_numpy(texts.labels)[chosen] == labels).double().mean())
        pseudo = Examples(texts.take(chosen).inputs, labels.numpy(), texts.names)
        return pseudo, states.take(chosen), encoder_flops(reading, self.below.size), right


def encode_shots(request: Request, validation_rows: int) -> None:
    """Write the feature file of every seed of one condition that is not there yet, with the test in each.

    What the condition's `tuning` says is in docs/configuration.md. On the CPU.
    """
    ((name, condition),) = request.conditions.items()

    def prepare() -> Callable[[int | str], Made]:
        from hsokv.encoders.texts import encoder_flops

        files = resolve_encoder(request.encoder)
        loaded = load_encoder(files, condition)
        pool, evaluation = load_texts(request.source, request.root, request.split, validation_rows)
        tuner = ConditionTuner(loaded, condition, pool)
        test = tuner.read(evaluation)

        def make(seed: int | str) -> Made:
            train, dev = draw_shots(pool, condition["shots"], seed)
            shots = tuner.read(train)
            tuned = tuner.tune(seed, train, dev, shots)
            parts = {f"{name}/train": (train, shots), f"{name}/dev": (dev, tuner.read(dev)), "test": (evaluation, test)}
            if condition.get("learn_pseudo_labels"):
                parts[f"{name}/pseudo"] = tuned.pseudo, tuned.states
            x = [tuned.encoder.vectors(states).numpy() for _, states in parts.values()]
            lengths = [len(text) for _, states in parts.values() for text in states.tokens]
            spent = describe_encoder(files, condition=condition)
            spent |= {"flops": encoder_flops(lengths, loaded.size), "tuning_flops": tuned.flops}
            spent |= {"guesses_right": tuned.right} if tuned.right is not None else {}
            arrays = arrays_of({key: examples for key, (examples, _) in parts.items()}, x)
            return Made(
                arrays, spent, len(pool.names), f"{tuned.flops:.3g} FLOPs to tune, {len(lengths)} texts encoded"
            )

        return make

    write_missing(request, prepare)


def read_states(encoder: "TextEncoder", inputs: Sequence[str]) -> "States":
    """The token states of texts, or of pairs with a PAIR between."""
    rows = [text.split(PAIR) for text in inputs]
    return encoder.states([text for row in rows for text in row], columns=len(rows[0]))
