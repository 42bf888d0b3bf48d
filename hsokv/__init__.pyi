from hsokv.hub.estimator import MemoryClassifier as MemoryClassifier
from hsokv.hub.factory import text_memory as text_memory
from hsokv.hub.modeling import HSOKVForSequenceClassification as HSOKVForSequenceClassification
from hsokv.hub.trainer import HSOKVTrainer as HSOKVTrainer
from hsokv.memory import KeyValueMemory as KeyValueMemory

__version__: str
