"""The tokenizer of a saved model, as transformers' pipelines and `AutoTokenizer` use it."""

from collections.abc import Sequence

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import BatchEncoding, PreTrainedTokenizerFast


class HSOKVTokenizer(PreTrainedTokenizerFast):
    """Cuts texts to what the encoder reads, as `predict` does, unless `truncation` says otherwise."""

    model_input_names = ("input_ids", "attention_mask")

    def __call__(self, *args: object, **kwargs: object) -> BatchEncoding:
        return super().__call__(*args, **{"truncation": self.model_max_length < 10**9} | kwargs)


def tokenizer_config(tokenizer: Tokenizer, padding: int) -> dict[str, str | int]:
    """What tokenizer_config.json says of a tokenizer whose padding is the token `padding`."""
    length = {"model_max_length": tokenizer.truncation["max_length"]} if tokenizer.truncation else {}
    return {"tokenizer_class": HSOKVTokenizer.__name__, "pad_token": tokenizer.id_to_token(padding)} | length


def word_tokenizer(words: Sequence[str]) -> Tokenizer:
    """A tokenizer of words between spaces; the first of `words` is token 1, padding is 0.

    >>> word_tokenizer(["a", "b"]).encode("b a").ids
    [2, 1]
    """
    vocabulary = {word: token for token, word in enumerate(["[PAD]", *words])}
    tokenizer = Tokenizer(WordLevel(vocabulary))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    return tokenizer
