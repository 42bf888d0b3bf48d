"""Small random encoders of texts and of images, saved as the hub's are."""

from pathlib import Path

import torch


def save_encoder(folder: Path, kind: str, layers: int = 2) -> None:
    """Write config.json, model.safetensors and tokenizer.json of a `kind` of model, 24 wide."""
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
    shape = {"hidden_size": 24, "num_hidden_layers": layers, "num_attention_heads": 2, "intermediate_size": 40}
    config = AutoConfig.for_model(
        kind, **shape, vocab_size=len(words), max_position_embeddings=40, pad_token_id=1, bos_token_id=0, eos_token_id=2
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        AutoModel.from_config(config).save_pretrained(folder)


SIDE = 16
"""Height and width of what the encoders of images read."""

SHAPES = {
    "vit": {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 40},
    "dinov2": {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2},
    "resnet": {"embedding_size": 8, "hidden_sizes": [8, 12], "depths": [1, 1]},
    "vit_mae": {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 40},
}


def save_image_encoder(folder: Path, kind: str) -> None:
    """Write config.json, model.safetensors and preprocessor_config.json of a `kind` of model of two layers.

    ViT's images are squeezed into the square, DINOv2's and ResNet's are cut to it.
    """
    from transformers import AutoConfig, AutoModel
    from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil
    from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    square = {"height": SIDE, "width": SIDE}
    size = {"image_size": 2 * SIDE if kind == "dinov2" else SIDE, "patch_size": 4} if kind != "resnet" else {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        AutoModel.from_config(AutoConfig.for_model(kind, **SHAPES[kind], **size)).save_pretrained(folder)
    if kind.startswith("vit"):
        processor = ViTImageProcessorPil(size=square)
    elif kind == "dinov2":
        processor = BitImageProcessorPil(size={"shortest_edge": SIDE + 4}, crop_size=square)
    else:
        processor = ConvNextImageProcessorPil(size={"shortest_edge": SIDE}, crop_pct=0.875)
    processor.save_pretrained(folder)
