"""The configuration of a model: which encoder, which predictor, and the shapes of all that is learnt."""

from transformers import PreTrainedConfig

from hsokv.exceptions import ConfigurationError

FORMAT = 2
"""Of the folder that a model is saved to; raised whenever a program reads no folder of before or after."""


class HSOKVConfig(PreTrainedConfig):
    """What `HSOKVForSequenceClassification` is built from; `id2label` holds the names of the classes.

    encoder    {"kind": "text" | "contexts" | "patches" | "none", ...}, see hsokv/hub/encoders.py
    predictor  {"kind": ..., "parts": ...}, a predictor of hsokv/arms/predictors.py and what it describes
    transform  width of the mean and the scale that features are standardised by, or None
    capacity   entries at most in the memory, which grows as the model remembers
    added      how many of the last classes came after training

    Raises ConfigurationError for a folder of another format.
    """

    model_type = "hsokv"

    encoder: dict[str, object] | None = None
    predictor: dict[str, object] | None = None
    transform: int | None = None
    capacity: int = 1000
    added: int = 0
    format: int = FORMAT

    def __post_init__(self, **kwargs: object) -> None:
        if self.format != FORMAT:
            newer = "a newer version: `pip install --upgrade hsokv`"
            older = "an older version: export the model again, or load it with that version, which its README.md names"
            raise ConfigurationError(
                f"the folder of this model has format {self.format}, this version reads {FORMAT}: it was saved by "
                f"{newer if self.format > FORMAT else older}"
            )
        super().__post_init__(**kwargs)
