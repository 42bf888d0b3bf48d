"""Small random text encoders, saved as the hub's are."""

from pathlib import Path

import torch


def save_encoder(folder: Path, kind: str) -> None:
    """Write config.json, model.safetensors and tokenizer.json of a `kind` of model of two layers, 24 wide."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import AutoConfig, AutoModel

    words = [
        "<s>",
        "<pad>",
        "</s>",
        "[UNK]",
        *["a", "an", "charming", "dull", "film", "word", "plot", "the", "comedy", "bears"],
    ]
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("</s>", 2), ("<s>", 0))
    tokenizer.save(str(folder / "tokenizer.json"))
    shape = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 40}
    config = AutoConfig.for_model(
        kind, **shape, vocab_size=len(words), max_position_embeddings=40, pad_token_id=1, bos_token_id=0, eos_token_id=2
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        AutoModel.from_config(config).save_pretrained(folder)
