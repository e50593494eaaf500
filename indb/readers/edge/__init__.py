"""Files of networks that their own runtime scores in the database: TensorFlow Lite, ExecuTorch, PyTorch, Keras."""

from __future__ import annotations

from indb.readers.edge import tflite as _tflite  # noqa: F401  registers its reader
