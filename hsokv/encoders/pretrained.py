"""Models of transformers loaded from verified files, to compute and not to learn."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hsokv.encoders.files import ARCHITECTURE, WEIGHTS, EncoderFiles
from hsokv.exceptions import EncoderError

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def load_pretrained(files: EncoderFiles) -> "PreTrainedModel":
    """The model that config.json names, in evaluation mode and without gradients; no code comes with the files.

    The pooler may be missing from the weights, unless it is asked for: what it says is then random. Raises EncoderError
    where transformers does not know the architecture, where the model reads something else than the source says, or
    where the weights are not its own.
    """
    import torch
    from transformers import AutoModel
    from transformers.utils import logging

    source, kind = files.source, files.source.kind
    verbosity, shown = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with torch.random.fork_rng(devices=[]):  # weights that the files lack are drawn
            model, told = AutoModel.from_pretrained(
                files.path,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=torch.float32,
                attn_implementation="eager",  # plain matrix products: the same on every processor, and countable
                output_loading_info=True,
            )
    except Exception as error:  # files of another kind make the loader raise nearly anything
        article = "an" if kind.name[0] in "aeiou" else "a"
        raise EncoderError(f"{files.path}: wanted the files of {article} {kind.name}, came others ({error})") from error
    finally:
        logging.set_verbosity(verbosity)
        if shown:
            logging.enable_progress_bar()
    if model.main_input_name != kind.input:
        raise EncoderError(
            f"{files.path / ARCHITECTURE}: wanted an encoder that reads {source.modality} ({kind.input}), came a "
            f"{model.config.model_type}, which reads {model.main_input_name}: name another; of a model that reads "
            f"both, save the half that reads {source.modality} alone"
        )
    if missing := sorted(key for key in told["missing_keys"] if not key.startswith("pooler.")):
        raise EncoderError(f"{files.path / WEIGHTS}: wanted the weights of {source.name}, misses {missing[0]}")
    if source.pooling == "pooler" and (missing := sorted(told["missing_keys"])):
        raise EncoderError(
            f"{files.path / WEIGHTS}: wanted the pooler of {source.name}, which was not trained (misses {missing[0]}): "
            "write pooling: cls, or pooling: mean"
        )
    return model.eval().requires_grad_(False)


@contextmanager
def single_thread() -> Iterator[None]:
    """One thread within a product: the last digits differ between thread counts."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
