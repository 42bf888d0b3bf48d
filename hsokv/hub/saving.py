"""How a model goes to a folder and comes back: all that transformers does, and what tensors cannot hold."""

import inspect
import json
import os
import re
import stat
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from threading import RLock
from typing import Any, Self, TypedDict

import torch
from huggingface_hub import snapshot_download
from safetensors import SafetensorError
from tokenizers import Tokenizer
from torch import Tensor
from transformers import PreTrainedModel

from hsokv.encoders.files import hub_in_reach
from hsokv.exceptions import ConfigurationError, ModelError
from hsokv.files import checksum, locked, write_json, write_text, writing
from hsokv.hub.card import Run, is_card, model_card
from hsokv.hub.tokenizer import tokenizer_config
from hsokv.memory.storage import told

SIDE = "hsokv.json"
"""Texts and origins of the memory's entries, the run that the model comes from, and checksums of the other files."""

CARD, CONFIG, WEIGHTS, TOKENIZER = "README.md", "config.json", "model.safetensors", "tokenizer.json"
INDEX = f"{WEIGHTS}.index.json"
WEIGHT_FILES = re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?")
REPLACED = re.compile(WEIGHT_FILES.pattern + r"|(tokenizer|tokenizer_config|special_tokens_map|added_tokens)\.json")
STAGE = re.compile(r"\.[0-9a-f]{32}\.tmp")
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
SOURCE_KEYS = ("revision", "token", "cache_dir", "local_files_only", "force_download")
_CONVERT = "convert trusted ones with `torch.load(..., weights_only=True)` and `safetensors.torch.save_file`"
_AGAIN = "take the folder from where it came, or export it again"

LOCK = RLock()  # of the module, as a model that holds one could not be copied or pickled


class SavedModel(PreTrainedModel):
    """A model whose folder holds its tokenizer, the texts of its memory, the run it comes from and a card, too.

    Whose `predictor` and `encoder` make all of its tensors, and whose `tokenizer`, `entries` and
    `run` do not.
    """

    tokenizer: Tokenizer | None
    entries: dict[str, dict[str, str]]
    run: Run | None

    def save_pretrained(
        self,
        save_directory: str | Path,
        is_main_process: bool = True,
        state_dict: dict[str, Tensor] | None = None,
        push_to_hub: bool = False,
        max_shard_size: int | str = "50GB",
        variant: str | None = None,
        token: str | bool | None = None,
        **kwargs: Any,
    ) -> None:
        """Write config.json, safetensors, tokenizer.json, hsokv.json and the model card, or nothing.

        Saves into one folder at once, of threads or processes, take turns: the last one wins, and each is whole.

        Args:
            save_directory: a folder, new or not; a link or a mount is followed.
            is_main_process: a process that is not the main one writes nothing.
            state_dict: the tensors to save, of the shapes and with the texts that the model has now (default: its own).
            push_to_hub: upload the folder, and so the remembered texts, to `repo_id` (default: the folder's name).
            max_shard_size: weights beyond it are split into several files.
            variant: must be None: other weights would have other texts.
            token: of the hub.
            kwargs: of `push_to_hub`: repo_id, private, commit_message, create_pr, ...

        Raises:
            ConfigurationError: for what cannot be saved like this; HsokvError where the folder cannot be written;
                TypeError for an argument that `push_to_hub` does not have.
        """
        folder = Path(_checked_path(save_directory))
        if not is_main_process:
            return
        kwargs.pop("save_function", None)
        apart = variant is not None or kwargs.pop("distributed_checkpoint", False)
        if apart or not kwargs.pop("safe_serialization", True):
            raise ConfigurationError("a model with a memory has one set of weights: leave variant and the like out")
        inspect.signature(self.push_to_hub).bind_partial(**kwargs)
        with LOCK:  # so that texts and tensors are of one moment
            if state_dict is not None and not (isinstance(state_dict, Mapping) and self._fits(state_dict)):
                raise ConfigurationError("state_dict does not fit the model as it is now: load it into the model first")
            self.config.predictor = self.config.predictor | {"parts": self.predictor.describe()}
            with staging(folder) as stage:
                super().save_pretrained(
                    stage, state_dict=state_dict and dict(state_dict), max_shard_size=max_shard_size
                )
                if (stage / CONFIG).exists():  # not so in a process that transformers knows to be a further one
                    if self.tokenizer is not None:
                        self.tokenizer.save(str(stage / TOKENIZER))
                        config = tokenizer_config(self.tokenizer, self.encoder.padding)
                        write_json(stage / "tokenizer_config.json", config)
                    if not (readme := folder / CARD).exists() or is_card(readme.read_text(errors="replace")):
                        self._write_card(stage)
                    write_side(stage, self.entries, self.run)
        if push_to_hub:
            repo = {"repo_id": folder.resolve().name, "token": token, "max_shard_size": max_shard_size}
            self.push_to_hub(**repo | kwargs)

    def _fits(self, state_dict: Mapping[str, Tensor]) -> bool:
        own, extra = self.state_dict(), "_extra_state"
        shapes, own_shapes = ({name: told(part) for name, part in tensors.items()} for tensors in (state_dict, own))
        return shapes == own_shapes and torch.equal(state_dict[extra], own[extra])

    def _write_card(self, folder: Path) -> None:
        write_text(folder / CARD, model_card(self.run, [*self.config.id2label.values()]))

    def _upload_modified_files(self, working_dir: str | Path, *args: object, **kwargs: object) -> object:
        """Upload this model's card where transformers has put the template of one."""
        self._write_card(Path(working_dir))
        return super()._upload_modified_files(working_dir, *args, **kwargs)

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, *args: Any, **kwargs: Any) -> Self:
        """Load a folder or a repository of the hub; no code and no pickle is read.

        Raises ModelError for what is no such model, is damaged or was changed; ConfigurationError for a newer format,
        or for a number of classes that the model does not have.
        """
        name, with_info = _checked_path(pretrained_model_name_or_path), kwargs.pop("output_loading_info", False)
        folder = _find_folder(name, **{key: kwargs.pop(key) for key in SOURCE_KEYS if key in kwargs})
        folder /= kwargs.pop("subfolder", "")
        side = read_side(folder)
        # Sizes that do not fit are refused here, by name.
        kwargs |= {"use_safetensors": True, "output_loading_info": True, "ignore_mismatched_sizes": True}
        try:
            model, info = super().from_pretrained(folder, *args, **kwargs)
        except (OSError, RuntimeError, SafetensorError, KeyError, TypeError) as error:
            raise ModelError(f"{name}: config.json and {WEIGHTS} make no model ({error}): export it again") from error
        wrong = {key: sorted(map(str, info[key])) for key in ("missing_keys", "unexpected_keys", "mismatched_keys")}
        if any(wrong.values()):
            raise ModelError(f"{name}: {WEIGHTS} does not fit config.json, {wrong}: export it again")
        for part in (*model.parameters(), *model.buffers()):
            part.data = part.data.clone()  # out of the mapped file: last digits may depend on where a number lies
        model.entries, model.run = side["entries"], side["run"] or None
        if TOKENIZER in side["sha256"]:
            model.tokenizer = _read_tokenizer(folder / TOKENIZER, model.encoder.tokens)
        return (model, info) if with_info else model


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """A folder in `folder`, all that may be written; its files move up when the block ends well, the side file last.

    Other processes that save there wait. What is cut off halfway is found out when it is read, and all of it is still
    there, until the next save.
    """
    stage = folder / f".{uuid.uuid4().hex}.tmp"
    with writing(folder), locked(folder) as alone:
        try:
            stage.mkdir()
            yield stage
            _put_in_place(stage, folder)
            for path in folder.iterdir() if alone else ():  # of saves that were cut off, and the texts in them
                if STAGE.fullmatch(path.name):
                    rmtree(path)
        finally:
            rmtree(stage, ignore_errors=True)


def _put_in_place(stage: Path, folder: Path) -> None:
    """Move the files of a stage up, in place of all that an earlier save wrote; where that fails, move all back."""
    files, previous = sorted(stage.iterdir(), key=lambda path: path.name == SIDE), stage / "previous"
    names = {path.name for path in files}
    replaced = [path for path in folder.iterdir() if path.name in names or (files and REPLACED.fullmatch(path.name))]
    previous.mkdir()
    moves = [(path, previous / path.name) for path in replaced if path.is_file()]
    moves += [(path, folder / path.name) for path in files]
    done = []
    for path in files:  # as readable as other results: safetensors writes files for their owner alone
        path.chmod(stat.S_IMODE(files[-1].stat().st_mode))
    try:
        for source, target in moves:
            os.replace(source, target)
            done.append((target, source))
    except BaseException:
        for target, source in reversed(done):
            os.replace(target, source)
        raise


def write_side(folder: Path, entries: Mapping[str, Mapping[str, str]], run: Run | None) -> None:
    """Write the side file of a folder in which all else stands."""
    files = [path for path in folder.iterdir() if _is_checked(path.name)]
    sums = {path.name: checksum(path) for path in files}
    write_json(folder / SIDE, {"entries": entries, "run": run or {}, "sha256": sums})


class Side(TypedDict):
    """The side file of a model's folder: texts and sources of entries by number, the run, and the files' checksums."""

    entries: dict[str, dict[str, str]]
    run: Run | None
    sha256: dict[str, str]


def read_side(folder: Path) -> Side:
    """The side file of a model's folder, after a look at what else is there.

    Raises ModelError for a folder that is none of a model, pickles, or files that are not those which were saved.
    """
    if not folder.is_dir():
        what = "it is a file" if folder.exists() else "it does not exist"
        raise ModelError(f"{folder} is not the folder of a model: {what}")
    weights = INDEX if (folder / INDEX).exists() else WEIGHTS
    if missing := [file for file in (CONFIG, weights, SIDE) if not (folder / file).is_file()]:
        pickles = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES)
        advice = f"pickles ({', '.join(pickles)}) are not read, {_CONVERT}" if pickles else _again(folder)
        raise ModelError(f"{folder} is not the folder of a model: it has no {', '.join(missing)}: {advice}")
    try:
        side = json.loads((folder / SIDE).read_text(encoding="utf-8"))
        sums, _, _ = side["sha256"], side["entries"], side["run"]
        if not {CONFIG, weights} <= set(sums) or not all(map(_is_checked, sums)):
            raise ValueError(f"checksums of {sorted(sums)}")
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{folder / SIDE}: not whole ({error!r}): {_AGAIN}") from error
    for file, wanted in sums.items():
        actual = checksum(folder / file) if (folder / file).exists() else "no such file"
        if actual != wanted:
            raise ModelError(
                f"{folder / file}: SHA-256 must be {wanted}, is {actual}: cut short or changed; {_again(folder)}"
            )
    return side


def _again(folder: Path) -> str:
    cut_off = [path for path in folder.iterdir() if STAGE.fullmatch(path.name)]
    return f"a save was cut off: move the files of {cut_off[0]} into {folder}" if cut_off else _AGAIN


def _checked_path(path: object) -> str:
    if not isinstance(path, str | os.PathLike) or not os.fspath(path) or "\0" in str(path):
        raise ConfigurationError(f"wanted the path of a folder, or for loading a name of the hub, got {path!r}")
    return str(path)


def _is_checked(file: str) -> bool:
    return file in (CONFIG, TOKENIZER) or bool(WEIGHT_FILES.fullmatch(file))


def _find_folder(name: str, **source: object) -> Path:
    """The folder of a model on this machine; a model of the hub is downloaded first.

    Without a way to the hub its cache is all there is, at once: its client would try again for 23 s.
    """
    folder = Path(name)
    if folder.exists() or folder.is_absolute() or len(folder.parts) > 2:
        return folder
    source["local_files_only"] = source.get("local_files_only") or not hub_in_reach()
    try:
        return Path(snapshot_download(name, allow_patterns=["*.json", "*.safetensors"], **source))
    except (OSError, ValueError) as error:
        raise ModelError(f"{name}: no folder here, and no model that the hub gives out now: {error}") from error


def _read_tokenizer(path: Path, tokens: int) -> Tokenizer:
    """The tokenizer of a model whose encoder knows so many `tokens`; raises ModelError for one that has more."""
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing more precise
        raise ModelError(f"{path}: no tokenizer ({error}): {_AGAIN}") from error
    if (size := tokenizer.get_vocab_size()) > tokens:
        raise ModelError(
            f"{path}: has {size} tokens, the encoder knows {tokens}: take the tokenizer that was saved with the model"
        )
    return tokenizer
