"""The configuration of a model: which encoder, which predictor, and the shapes of all that is learnt."""

from typing import Any

from transformers import PreTrainedConfig

from hsokv.exceptions import ConfigurationError

FORMAT = 1
"""Of the folder that a model is saved to; raised whenever an older program could not read a newer folder."""


class HSOKVConfig(PreTrainedConfig):
    """What `HSOKVForSequenceClassification` is built from; `id2label` holds the names of the classes.

    encoder    {"kind": "text" | "contexts" | "patches" | "none", ...}, see hsokv/hub/encoders.py
    predictor  {"kind": ..., "fields": ...}, see hsokv/hub/predictor.py
    transform  width of the mean and the scale that features are standardised by, or None
    capacity   entries at most in the memory, which grows as the model remembers
    added      how many of the last classes came after training

    Raises ConfigurationError for a folder of a newer format.
    """

    model_type = "hsokv"

    encoder: dict[str, Any] | None = None
    predictor: dict[str, Any] | None = None
    transform: int | None = None
    capacity: int = 1000
    added: int = 0
    format: int = FORMAT

    def __post_init__(self, **kwargs: Any) -> None:
        if self.format > FORMAT:
            raise ConfigurationError(
                f"model configuration: wanted format {FORMAT} or less, came {self.format}: it was saved by a newer "
                "version; `pip install --upgrade hsokv`"
            )
        super().__post_init__(**kwargs)
