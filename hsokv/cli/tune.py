"""`hsokv tune`: a saved model trained on a table of texts, with gradients."""

import sys
import tempfile
from typing import Annotated

import typer

from hsokv.cli.common import Device, Folder, Json, finite, in_turn, load, tell, texts_and_labels
from hsokv.cli.model import File, Label, Output, Text


def tune(
    model: Folder,
    file: File,
    text: Text = None,
    label: Label = "label",
    iterations: Annotated[int, typer.Option(metavar="NUMBER", min=1, max=1_000_000_000, help="Gradient steps.")] = 100,
    rate: Annotated[
        float,
        typer.Option("--learning-rate", metavar="RATE", min=0, callback=finite, help="Some 0.00002 with --encoder."),
    ] = 0.01,
    gate: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="The memory's from now on: below 1, or heads learn nothing.",
        ),
    ] = None,
    encoder: Annotated[bool, typer.Option("--encoder", help="Train the encoder, too.")] = False,
    seed: Annotated[int, typer.Option(metavar="NUMBER", min=0, max=2**32 - 1, help="Of the order of the texts.")] = 0,
    device: Device = "cpu",
    output: Output = None,
    as_json: Json = False,
) -> None:
    """Train a saved model's heads on a table of texts, write these to its memory, and save it (docs/training.md).

    `remember` is what needs no training; the study's own runs are `train`.
    """
    texts, labels = texts_and_labels(file, text or ["text"], label)
    from transformers import PrinterCallback, ProgressCallback, TrainingArguments

    from hsokv.hub.trainer import HSOKVTrainer

    class Bar(ProgressCallback):
        """A bar on stderr; what is logged is printed at the end."""

        def on_log(self, *_: object, **__: object) -> None:
            pass

    with in_turn(model, output):
        loaded = load(model, device)
        if gate is not None:
            loaded.gate = gate
        if loaded.encoder is not None:
            loaded.encoder.requires_grad_(encoder)
        with tempfile.TemporaryDirectory() as folder:
            plain = {"save_strategy": "no", "logging_strategy": "no", "report_to": [], "disable_tqdm": True}
            args = TrainingArguments(
                folder, max_steps=iterations, learning_rate=rate, seed=seed, use_cpu=device == "cpu", **plain
            )
            rows = [{"text": one, "label": name} for one, name in zip(texts, labels, strict=True)]
            trainer = HSOKVTrainer(loaded, args, train_dataset=rows)
            trainer.remove_callback(PrinterCallback)
            if sys.stderr.isatty() and not as_json:
                trainer.add_callback(Bar)
            loss = trainer.train().training_loss
        loaded.save_pretrained(output or model)
    result = {"texts": len(texts), "steps": trainer.state.global_step, "loss": loss, "entries": len(loaded)}
    result |= {"flops": int(trainer.state.total_flos), "model": str(output or model)}
    tell(result, as_json, result | {"flops": f"{result['flops']:.3g}"})
