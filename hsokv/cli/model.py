"""`hsokv evaluate` and `hsokv remember`: what a saved model says of a table of texts, and teaching it more."""

from pathlib import Path
from typing import Annotated

import typer

from hsokv.cli.common import Device, Folder, Json, in_turn, load, print_json, tell, texts_and_labels
from hsokv.exceptions import ConfigurationError, DataError, nearest

File = Annotated[Path, typer.Option(metavar="FILE", help="A .csv, or lines with tabs, with a header.")]
Text = Annotated[
    list[str] | None, typer.Option(metavar="COLUMN", help="Of the texts; twice for pairs (default: text).")
]
Label = Annotated[str, typer.Option(metavar="COLUMN", help="Of the labels.")]
Output = Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where the model goes (default: where it was).")]


def evaluate(
    model: Folder,
    file: File,
    text: Text = None,
    label: Label = "label",
    device: Device = "cpu",
    as_json: Json = False,
) -> None:
    """Accuracy and log-loss of a model on a table of texts with labels; nothing is changed."""
    texts, labels = texts_and_labels(file, text or ["text"], label)
    loaded = load(model, device)
    from hsokv.metrics.classification import accuracy, log_loss

    known = {name: c for c, name in enumerate(loaded.labels)}
    for name in labels:
        if name not in known:
            raise DataError(
                f"{file}: unknown label {name!r}{nearest(name, known)}; `hsokv remember --add-classes` teaches new ones"
            )
    log_probs = loaded.log_probs(loaded.encode(texts)).detach().cpu()
    truth = [known[name] for name in labels]
    result = {
        "texts": len(texts),
        "accuracy": accuracy(log_probs.argmax(-1).numpy(), truth),
        "log_loss": log_loss(log_probs.double().exp().numpy(), truth),
    }
    tell(result, as_json, {"texts": len(texts), "accuracy": result["accuracy"], "log-loss (nats)": result["log_loss"]})


def remember(
    model: Folder,
    text: Annotated[list[str] | None, typer.Option(metavar="TEXT", help="To be remembered; again for more.")] = None,
    label: Annotated[list[str] | None, typer.Option(metavar="LABEL", help="Of each --text, in their order.")] = None,
    file: Annotated[Path | None, typer.Option(metavar="FILE", help="A table of texts instead, with a header.")] = None,
    text_column: Annotated[str, typer.Option(metavar="COLUMN", help="Of the texts in --file.")] = "text",
    label_column: Annotated[str, typer.Option(metavar="COLUMN", help="Of the labels in --file.")] = "label",
    add_classes: Annotated[bool, typer.Option("--add-classes", help="Make room for labels that are new.")] = False,
    gate: Annotated[float | None, typer.Option(metavar="SHARE", help="The memory's from now on, in [0, 1].")] = None,
    device: Device = "cpu",
    output: Output = None,
    as_json: Json = False,
) -> None:
    """Write texts to the memory of a model, without training, and save it."""
    if (file is None) == (not text):
        raise ConfigurationError("wanted either --text with --label, or --file, came both or neither")
    if file is not None:
        texts, labels = texts_and_labels(file, [text_column], label_column)
    else:
        texts, labels = text, label or []
    with in_turn(model, output):
        loaded = load(model, device)
        new = [name for name in dict.fromkeys(labels) if name not in loaded.labels] if add_classes else []
        if new:
            loaded.add_classes(new)
        if gate is not None:
            loaded.gate = gate
        loaded.remember(texts, labels)
        loaded.save_pretrained(output or model)
    result = {"entries": len(loaded), "classes": loaded.labels, "gate": loaded.gate, "model": str(output or model)}
    if as_json:
        print_json(result)
    else:
        typer.echo(
            f"{len(texts)} remembered; {result['entries']} entries, {len(result['classes'])} classes: {result['model']}"
        )
