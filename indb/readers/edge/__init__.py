"""Files of networks that their own runtime scores in the database: TensorFlow Lite, ExecuTorch, PyTorch, Keras."""

from __future__ import annotations

from indb.readers.edge import keras as _keras  # noqa: F401  registers its reader, as the next ones do
from indb.readers.edge import pytorch as _pytorch  # noqa: F401
from indb.readers.edge import tflite as _tflite  # noqa: F401
