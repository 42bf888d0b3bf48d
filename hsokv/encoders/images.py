"""Images turned into unit vectors by a frozen encoder of transformers, from its own files: a ViT, a ResNet, another.

torch and transformers are imported inside the functions that compute, so that naming an encoder costs no start-up.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from hsokv.encoders.files import ARCHITECTURE, PREPROCESSOR, EncoderFiles
from hsokv.encoders.pretrained import load_pretrained, single_thread
from hsokv.exceptions import ConfigurationError, DataError, EncoderError

if TYPE_CHECKING:
    import torch
    from transformers import BaseImageProcessor, PreTrainedModel


@dataclass(frozen=True)
class ImageEncoder:
    """An encoder in evaluation mode on a `device`, "cpu" or "cuda"; on the latter in mixed precision.

    `processor`: resizes, cuts, rescales and normalises as the model was trained. `pooling`: "pooler", what the model
    itself makes of its states; "mean" of them, over tokens (the first included) or places; or "cls", the first token.
    `width`: d of a vector.
    """

    model: "PreTrainedModel"
    processor: "BaseImageProcessor"
    pooling: str
    width: int
    device: str

    def encode(self, images: Iterable[np.ndarray], batch: int = 8) -> np.ndarray:
        """Unit vectors float32 [n, width] of images uint8 [height, width, 3], of any sizes, red, green and blue.

        Images may come one by one: none is held once it is resized. An image's vector depends on its neighbours in
        the last digits at most; on one thread of the CPU the same images give the same bytes. No gradient. Raises
        ConfigurationError where batch is under 1, DataError for an image of another type or shape, EncoderError where
        the preprocessor does not bring images to one size.
        """
        import torch

        if batch < 1:
            raise ConfigurationError(f"batch: wanted at least 1, came {batch}")
        out, left = [np.zeros((0, self.width), dtype=np.float32)], (_pixels(self.processor, image) for image in images)
        with single_thread():
            while part := list(islice(left, batch)):
                if len(sizes := {tuple(pixels.shape) for pixels in part}) > 1:
                    raise EncoderError(
                        f"{PREPROCESSOR}: wanted images brought to one size, came {sorted(sizes)}: let it cut them "
                        "(do_center_crop) or squeeze them (height and width)"
                    )
                pixels = torch.cat(part).to(self.device)
                with torch.autocast("cuda", torch.float16, enabled=self.device == "cuda"):
                    out.append(_vectors(self.model, pixels, self.pooling).cpu().numpy())
        return np.concatenate(out)


def load_image_encoder(files: EncoderFiles, device: str = "cpu") -> ImageEncoder:
    """Load verified files onto a device; no code comes with the files.

    One black image is encoded for a trial. Raises EncoderError where the weights are not those of the architecture,
    where the preprocessor does not fit, where the model has no states that `pooling` could read, or where it draws at
    random.
    """
    import torch

    model, processor, pooling = load_pretrained(files), _load_processor(files), files.source.pooling
    with torch.random.fork_rng(devices=[]):
        before = torch.random.get_rng_state()
        try:
            trial = _vectors(model, _pixels(processor, np.zeros((32, 48, 3), dtype=np.uint8)), pooling)
        except EncoderError as error:
            raise EncoderError(f"{files.path / ARCHITECTURE}: {error}") from error
        except Exception as error:  # a preprocessor of another model makes this one raise nearly anything
            raise EncoderError(
                f"{files.path / PREPROCESSOR}: wanted the images that a {model.config.model_type} reads, came others "
                f"({error}): take it from where the weights are from"
            ) from error
        if not torch.equal(torch.random.get_rng_state(), before):
            raise EncoderError(
                f"{files.path / ARCHITECTURE}: wanted an encoder that gives an image one vector, came a "
                f"{model.config.model_type}, which draws at random; name another"
            )
    return ImageEncoder(model.to(device), processor, pooling, trial.shape[1], device)


def _load_processor(files: EncoderFiles) -> "BaseImageProcessor":
    from transformers import AutoImageProcessor

    try:
        return AutoImageProcessor.from_pretrained(
            files.path, local_files_only=True, trust_remote_code=False, backend="pil"
        )
    except Exception as error:  # a file of something else makes the loader raise nearly anything
        raise EncoderError(
            f"{files.path / PREPROCESSOR}: wanted the preprocessor of an image encoder, came another file ({error}): "
            "take it from where the weights are from"
        ) from error


def _pixels(processor: "BaseImageProcessor", image: np.ndarray) -> "torch.Tensor":
    """What the model reads of an image, float32 [1, 3, height, width]."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise DataError(
            f"images: wanted uint8 [height, width, 3], came {image.dtype} {list(image.shape)}; convert them to RGB"
        )
    return processor(image, input_data_format="channels_last", return_tensors="pt")["pixel_values"]


def _vectors(model: "PreTrainedModel", pixels: "torch.Tensor", pooling: str) -> "torch.Tensor":
    """float32 [n, d] of length 1."""
    import torch

    with torch.no_grad():  # and not inference_mode, under which operations reach a counter in other pieces
        said = model(pixel_values=pixels)
        key = "pooler_output" if pooling == "pooler" else "last_hidden_state"
        states = getattr(said, key, None)
        if states is None or (pooling == "cls" and states.ndim != 3):
            raise EncoderError(
                f"wanted a model with {'tokens' if pooling == 'cls' else key} for pooling: {pooling}, came a "
                f"{model.config.model_type} without: write another pooling"
            )
        if pooling == "cls":
            states = states[:, 0]
        elif pooling == "mean":
            states = states.mean(dim=1) if states.ndim == 3 else states.mean(dim=(2, 3))
        return torch.nn.functional.normalize(states.flatten(1).float())
