"""`hsokv evaluate` and `hsokv remember`: what a saved model says of a table of texts, and teaching it more."""

from pathlib import Path
from typing import Annotated

import typer

from hsokv.cli.common import Json, print_json
from hsokv.data.text_files import read_rows
from hsokv.exceptions import ConfigurationError, DataError, nearest

Folder = Annotated[Path, typer.Argument(metavar="MODEL", help="Folder of a model, or its name on the hub.")]
Text = Annotated[list[str] | None, typer.Option(help="Column of the texts (twice for pairs).")]
Label = Annotated[str, typer.Option(help="Column of the labels.")]


def evaluate(
    model: Folder,
    file: Annotated[Path, typer.Option(help="A .csv, or lines with tabs, with a header.")],
    text: Text = None,
    label: Label = "label",
    as_json: Json = False,
) -> None:
    """Accuracy and log-loss of a model on a table of texts with labels; nothing is changed."""
    from hsokv.hub import HSOKVForSequenceClassification
    from hsokv.metrics.classification import accuracy, log_loss

    texts, labels = _table(file, text or ["text"], label)
    loaded = HSOKVForSequenceClassification.from_pretrained(model)
    known = {name: c for c, name in enumerate(loaded.labels)}
    for name in labels:
        if name not in known:
            raise DataError(f"{file}: unknown label {name!r}{nearest(name, known)}")
    said = loaded.log_probs(loaded.encode(texts)).detach()
    truth = [known[name] for name in labels]
    found = {
        "texts": len(texts),
        "accuracy": accuracy(said.argmax(-1).numpy(), truth),
        "log_loss": log_loss(said.double().exp().numpy(), truth),
    }
    if as_json:
        print_json(found)
    else:
        for name, value in found.items():
            typer.echo(f"{name:<10} {value if name == 'texts' else format(value, '.4f')}")


def remember(
    model: Folder,
    text: Annotated[list[str] | None, typer.Option(help="A text (may be repeated), with --label each.")] = None,
    label: Annotated[list[str] | None, typer.Option(help="Its label.")] = None,
    file: Annotated[Path | None, typer.Option(help="A table of texts instead, with a header.")] = None,
    text_column: Annotated[str, typer.Option(help="Column of the texts in --file.")] = "text",
    label_column: Annotated[str, typer.Option(help="Column of the labels in --file.")] = "label",
    add_classes: Annotated[bool, typer.Option("--add-classes", help="Make room for labels that are new.")] = False,
    gate: Annotated[float | None, typer.Option(help="The memory's share from now on, in [0, 1].")] = None,
    output: Annotated[Path | None, typer.Option(help="Where the model goes (default: where it was).")] = None,
    as_json: Json = False,
) -> None:
    """Write texts to the memory of a model, without training, and save it."""
    if (file is None) == (not text):
        raise ConfigurationError("wanted either --text with --label, or --file, came both or neither")
    if file is not None:
        texts, labels = _table(file, [text_column], label_column)
    else:
        texts, labels = text, label or []
    from hsokv.hub import HSOKVForSequenceClassification

    loaded = HSOKVForSequenceClassification.from_pretrained(model)
    new = [name for name in dict.fromkeys(labels) if name not in loaded.labels] if add_classes else []
    if new:
        loaded.add_classes(new)
    if gate is not None:
        loaded.gate = gate
    loaded.remember(texts, labels)
    loaded.save_pretrained(output or model)
    found = {"entries": len(loaded), "classes": loaded.labels, "gate": loaded.gate, "model": str(output or model)}
    if as_json:
        print_json(found)
    else:
        typer.echo(
            f"{len(texts)} remembered; {found['entries']} entries, {len(found['classes'])} classes: {found['model']}"
        )


def _table(file: Path, columns: list[str], label: str) -> tuple[list, list[str]]:
    """Texts, or pairs of them, and labels of a table."""
    rows = [fields for _, fields in read_rows(file, [*columns, label])]
    return [row[0] if len(columns) == 1 else tuple(row[:-1]) for row in rows], [row[-1] for row in rows]
