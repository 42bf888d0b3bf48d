"""How a model goes to a folder and comes back: all that transformers does, and what tensors cannot hold."""

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from tokenizers import Tokenizer
from transformers import PreTrainedModel

from hsokv.exceptions import ModelError
from hsokv.files import write_bytes, write_json, write_text
from hsokv.hub.card import model_card
from hsokv.hub.code import WHEEL, wheel
from hsokv.hub.folder import TOKENIZER, WEIGHTS, read_side, read_tokenizer, saving, write_side
from hsokv.hub.packing import describe, kind_of


class SavedModel(PreTrainedModel):
    """A model whose folder holds its tokenizer, the texts of its memory, the run it comes from and a card, too.

    Whose `predictor` (Packed) and `encoder` make all of its tensors, and whose `tokenizer`, `entries` and `run` do not.
    """

    tokenizer: Tokenizer | None
    entries: dict[str, dict[str, str]]
    run: dict[str, Any]

    def save_pretrained(self, save_directory: str | Path, push_to_hub: bool = False, **kwargs: Any) -> None:
        """Write config.json, model.safetensors, tokenizer.json, hsokv.json, the model card and the code, or nothing.

        The code is a wheel of this package, for who has none: loading neither installs nor imports it.
        Raises HsokvError where the folder cannot be written.
        """
        predictor = self.predictor.value()
        self.config.predictor = {"kind": kind_of(predictor), "fields": describe(predictor)}
        with saving(Path(save_directory)) as folder:
            super().save_pretrained(folder, **kwargs)
            if self.tokenizer is not None:
                self.tokenizer.save(str(folder / TOKENIZER))
                write_json(folder / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast"})
            write_text(folder / "README.md", model_card(self.run, self.labels))
            write_bytes(folder / WHEEL, wheel())
            write_side(folder, self.entries, self.run)
        if push_to_hub:
            self.push_to_hub(kwargs.get("repo_id", Path(save_directory).name))

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, *args: Any, **kwargs: Any) -> Any:
        """Load a folder or a repository of the hub; no code and no pickle is read.

        Raises ModelError for what is no such model, is damaged or was changed; ConfigurationError for a newer format.
        """
        name = str(pretrained_model_name_or_path)
        told = kwargs.pop("output_loading_info", False)
        where = {key: kwargs[key] for key in ("revision", "token", "cache_dir", "local_files_only") if key in kwargs}
        side = read_side(name, **where)
        # Sizes that do not fit are refused here, by name.
        kwargs |= {"use_safetensors": True, "output_loading_info": True, "ignore_mismatched_sizes": True}
        try:
            model, info = super().from_pretrained(name, *args, **kwargs)
        except (OSError, RuntimeError, SafetensorError, KeyError, TypeError) as error:
            raise ModelError(f"{name}: config.json and {WEIGHTS} make no model ({error}): export it again") from error
        wrong = {key: sorted(map(str, info[key])) for key in ("missing_keys", "unexpected_keys", "mismatched_keys")}
        if any(wrong.values()):
            raise ModelError(f"{name}: {WEIGHTS} does not fit config.json, {wrong}: export it again")
        for part in (*model.parameters(), *model.buffers()):
            part.data = part.data.clone()  # out of the mapped file: last digits may depend on where a number lies
        model.entries, model.run = side["entries"], side["run"]
        if TOKENIZER in side["sha256"]:
            model.tokenizer = read_tokenizer(name, model.encoder.tokens, **where)
        return (model, info) if told else model
