"""What all commands share: the application, which tells a mistake in one line, and how JSON is printed."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from hsokv.exceptions import HsokvError


class _Group(TyperGroup):
    """Shows an error meant for a person as one message without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except HsokvError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(1) from error


app = typer.Typer(cls=_Group, no_args_is_help=True, rich_markup_mode=None)

Root = Annotated[Path | None, typer.Option(help="Folder of your own copies (default: HSOKV_DATA_DIR).")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.callback()
def _main() -> None:
    """Hierarchical swarm with key-value memory. The whole study is `snakemake --cores 4 report`, here are its parts."""


def print_json(value: Any) -> None:
    """Print a value as JSON, keys sorted."""
    typer.echo(json.dumps(value, sort_keys=True, indent=2))
