"""What all commands share: the application, which tells a mistake in one line, and how JSON is printed."""

import json
import math
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from hsokv import __version__
from hsokv.exceptions import HsokvError
from hsokv.files import locked
from hsokv.machine import device as find_device

if TYPE_CHECKING:
    from hsokv.hub import HSOKVForSequenceClassification


class _Group(TyperGroup):
    """Shows an error meant for a person as one message without a traceback."""

    def invoke(self, ctx: typer.Context) -> object:
        try:
            return super().invoke(ctx)
        except HsokvError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(1) from error


app = typer.Typer(cls=_Group, no_args_is_help=True, rich_markup_mode=None)


def finite(value: float | None) -> float | None:
    """The number, refused where it is none (nan) or infinite: limits let nan pass."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"expected a finite number, got {value}")
    return value


Root = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Of your own copies of the data (default: HSOKV_DATA_DIR).")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Device = Annotated[str, typer.Option(metavar="DEVICE", help="Where it computes: cpu or cuda.")]
Folder = Annotated[str, typer.Argument(metavar="MODEL", help="Folder of a model, or its name on the hub.")]


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(f"hsokv {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_tell_version, is_eager=True)
    ] = False,
) -> None:
    """Hierarchical swarm with key-value memory. The whole study is `snakemake --cores 4 report`, here are its parts."""


def print_json(value: object) -> None:
    """Print a value as JSON, keys sorted."""
    typer.echo(json.dumps(value, sort_keys=True, indent=2))


def tell(result: Mapping[str, object], as_json: bool, rows: Mapping[str, object] | None = None) -> None:
    """Print a result as JSON, or else it or its `rows` for people as two columns, fractions with four digits."""
    if as_json:
        return print_json(result)
    rows = rows or result
    width = max(map(len, rows))
    for name, value in rows.items():
        typer.echo(f"{name:<{width}}  {format(value, '.4f') if isinstance(value, float) else value}")
    return None


def in_turn(model: str, output: Path | None) -> AbstractContextManager[object]:
    """Other processes that write the same model wait until it is saved, so that nothing they remember is lost."""
    return locked(Path(model)) if output is None and Path(model).is_dir() else nullcontext()


def load(model: str, device: str) -> "HSOKVForSequenceClassification":
    """A saved model on a device, without the progress bars of its parts."""
    device = find_device(device, "--device")
    from transformers.utils.logging import disable_progress_bar

    from hsokv.hub import HSOKVForSequenceClassification

    if Path(model).exists():  # a download keeps its bar
        disable_progress_bar()
    return HSOKVForSequenceClassification.from_pretrained(model).to(device)


def texts_and_labels(file: Path, columns: list[str], label: str) -> tuple[list[Any], list[str]]:
    """Texts, or pairs of them, and labels of a table."""
    from hsokv.data.texts import read_table

    rows = read_table(file, [*columns, label]).to_numpy().tolist()
    return [row[0] if len(columns) == 1 else tuple(row[:-1]) for row in rows], [row[-1] for row in rows]
