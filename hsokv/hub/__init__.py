"""Models of transformers' kind: any arm of the study, or a memory of your own texts, saved, loaded and taught more."""

from transformers import AutoConfig, AutoModelForSequenceClassification

from hsokv.hub.configuration import HSOKVConfig
from hsokv.hub.making import make_model, text_memory
from hsokv.hub.modeling import HSOKVForSequenceClassification

__all__ = ["HSOKVConfig", "HSOKVForSequenceClassification", "make_model", "text_memory"]

AutoConfig.register(HSOKVConfig.model_type, HSOKVConfig)
AutoModelForSequenceClassification.register(HSOKVConfig, HSOKVForSequenceClassification)
