"""The folder of a saved model: what must be in it, what is refused, and the side file of what tensors cannot hold."""

import json
import os
import stat
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import Any

from tokenizers import Tokenizer
from transformers.utils import cached_file

from hsokv.exceptions import ModelError
from hsokv.files import checksum, write_json, writing
from hsokv.hub.code import WHEEL

SIDE = "hsokv.json"
"""Texts and origins of the memory's entries, the run that the model comes from, checksums of the other files, and which
of them is the code."""

CONFIG, WEIGHTS, TOKENIZER = "config.json", "model.safetensors", "tokenizer.json"
WHEELS = "hsokv-*.whl"
PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")
_AGAIN = "take the folder from where it came, or export it again"


def read_side(name: str, **where: Any) -> dict[str, Any]:
    """The side file of a model, a folder or a name on the hub, after a look at what else is there.

    Raises ModelError for a folder that is none of a model, pickles, or files that are not those which were saved.
    """
    folder = Path(name)
    if folder.exists() or folder.is_absolute() or len(folder.parts) > 2:
        _check_folder(folder)
    path = _find(name, SIDE, **where)
    if path is None:
        raise ModelError(f"{name}: wanted a model saved by hsokv, came one without {SIDE}: {_AGAIN}")
    try:
        side = json.loads(Path(path).read_text(encoding="utf-8"))
        sums, _, _ = side["sha256"], side["entries"], side["run"]
        if not {CONFIG, WEIGHTS} <= set(sums) <= {CONFIG, WEIGHTS, TOKENIZER}:
            raise ValueError(f"checksums of {sorted(sums)}")
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: not whole ({error!r}): {_AGAIN}") from error
    for file, wanted in sums.items():
        found = _find(name, file, **where)
        came = checksum(Path(found)) if found else "no such file"
        if came != wanted:
            raise ModelError(f"{name}/{file}: wanted SHA-256 {wanted}, came {came}: cut short or changed; {_AGAIN}")
    return side


def _find(name: str, file: str, **where: Any) -> str | None:
    """Where a file of a model lies on this machine, downloaded first from the hub; None for a file that it has not."""
    try:
        return cached_file(name, file, **where, _raise_exceptions_for_missing_entries=False)
    except OSError as error:
        raise ModelError(f"{name}: no folder here, and no model that the hub gives out now: {error}") from error


def read_tokenizer(name: str, tokens: int, **where: Any) -> Tokenizer:
    """The tokenizer of a model whose encoder knows so many `tokens`; raises ModelError for one that has more."""
    try:
        tokenizer = Tokenizer.from_file(cached_file(name, TOKENIZER, **where))
    except Exception as error:  # the library raises nothing more precise
        raise ModelError(f"{name}/{TOKENIZER}: no tokenizer ({error}): {_AGAIN}") from error
    if tokenizer.get_vocab_size() > tokens:
        raise ModelError(
            f"{name}/{TOKENIZER}: wanted at most {tokens} tokens, which the encoder knows, came "
            f"{tokenizer.get_vocab_size()}: take the tokenizer that was saved with the model"
        )
    return tokenizer


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise ModelError(f"{folder}: wanted the folder of a model, came {'a file' if folder.exists() else 'nothing'}")
    pickles = sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))
    if pickles and not (folder / WEIGHTS).exists():
        raise ModelError(
            f"{folder}: holds pickles ({', '.join(pickles)}), which could run any code when read, and no {WEIGHTS}: "
            "convert them where they are trusted, with `torch.load(..., weights_only=True)` and "
            "`safetensors.torch.save_file`"
        )
    if missing := [file for file in (CONFIG, WEIGHTS, SIDE) if not (folder / file).is_file()]:
        raise ModelError(f"{folder}: wanted the folder of a model, has no {', '.join(missing)}: {_AGAIN}")


@contextmanager
def saving(folder: Path) -> Iterator[Path]:
    """A folder to write a model to; its files take their places in `folder` when the block ends well, the side file
    last, so that what was cut off halfway is found out when it is read."""
    folder = Path(folder)
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.tmp")
    with writing(folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            temporary.mkdir()
            yield temporary
            for path in sorted(temporary.iterdir(), key=lambda path: path.name == SIDE):
                # As readable as other results: safetensors writes files for their owner alone.
                path.chmod(stat.S_IMODE((temporary / SIDE).stat().st_mode))
                os.replace(path, folder / path.name)
            for path in folder.glob(WHEELS):
                if path.name != WHEEL:  # the code of a version before
                    path.unlink()
        finally:
            rmtree(temporary, ignore_errors=True)


def write_side(folder: Path, entries: Mapping[str, Any], run: Mapping[str, Any]) -> None:
    """Write the side file of a folder in which all else stands."""
    sums = {file: checksum(folder / file) for file in (CONFIG, WEIGHTS, TOKENIZER) if (folder / file).exists()}
    code = {"file": WHEEL, "sha256": checksum(folder / WHEEL)} if (folder / WHEEL).exists() else None
    write_json(folder / SIDE, {"entries": dict(entries), "run": dict(run), "sha256": sums, "code": code})
