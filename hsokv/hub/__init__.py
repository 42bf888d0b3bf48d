"""Models of transformers' kind: any arm of the study, or a memory of your own texts, saved, loaded and taught more.

`hsokv.hub.estimator` holds the same memory as a scikit-learn classifier, which does not need transformers.
"""

from importlib.util import find_spec

if find_spec("transformers"):
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    from hsokv.hub.configuration import HSOKVConfig
    from hsokv.hub.factory import make_model, text_memory
    from hsokv.hub.modeling import HSOKVForSequenceClassification
    from hsokv.hub.tokenizer import HSOKVTokenizer

    __all__ = ["HSOKVConfig", "HSOKVForSequenceClassification", "HSOKVTokenizer", "make_model", "text_memory"]

    AutoConfig.register(HSOKVConfig.model_type, HSOKVConfig)
    AutoModelForSequenceClassification.register(HSOKVConfig, HSOKVForSequenceClassification)
    AutoTokenizer.register(HSOKVConfig, fast_tokenizer_class=HSOKVTokenizer)
