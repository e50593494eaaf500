"""Keras files (.keras), checked: Keras imports what the configuration in one names, and its weights may lie anywhere.

Lambda layers hold code, layers for texts read files, and wrappers of other libraries load them; so only layers of a
list are made. Of the weights, nothing may be compressed, linked, or lie outside of the file.

Source: keras/src/saving/saving_lib.py, keras/src/saving/serialization_lib.py.
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from indb.runtime.archives import packed_at

MODULES = {
    "keras", "keras.layers", "keras.initializers", "keras.regularizers", "keras.constraints",
    "keras.src.models.functional", "keras.src.models.sequential",
}  # fmt: skip

LAYERS = {
    "Functional", "Sequential", "Model", "InputLayer", "DTypePolicy", "Dense", "EinsumDense", "Embedding",
    "Activation", "Identity", "Masking", "Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose",
    "DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D", "MaxPooling1D", "MaxPooling2D",
    "MaxPooling3D", "AveragePooling1D", "AveragePooling2D", "AveragePooling3D", "GlobalMaxPooling1D",
    "GlobalMaxPooling2D", "GlobalAveragePooling1D", "GlobalAveragePooling2D", "LSTM", "GRU", "SimpleRNN", "LSTMCell",
    "GRUCell", "SimpleRNNCell", "Bidirectional", "TimeDistributed", "BatchNormalization", "LayerNormalization",
    "UnitNormalization", "GroupNormalization", "RMSNormalization", "Normalization", "Dropout", "SpatialDropout1D",
    "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "ActivityRegularization", "MultiHeadAttention",
    "GroupedQueryAttention", "Attention", "AdditiveAttention", "Reshape", "Flatten", "RepeatVector", "Permute",
    "Cropping1D", "Cropping2D", "UpSampling1D", "UpSampling2D", "ZeroPadding1D", "ZeroPadding2D", "Concatenate",
    "Average", "Maximum", "Minimum", "Add", "Subtract", "Multiply", "Dot", "ReLU", "Softmax", "LeakyReLU", "PReLU",
    "ELU", "Rescaling", "CategoryEncoding", "Discretization",
}  # fmt: skip
"""Layers that compute with numbers alone."""

PARTS = ("metadata.json", "config.json", "model.weights.h5")
"""What is kept of a file."""

MAX_DEPTH = 100


def parse(data: bytes) -> bytes:
    """The file without how it was trained.

    Raises: ValueError when the bytes are no Keras file, or it names what is not made here.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > 100 * len(data):
                raise ValueError("it unfolds to more than a hundred times its size")
            parts = {name: archive.read(name) for name in PARTS}
            config = json.loads(parts["config.json"])
    except KeyError as error:
        raise ValueError(f"it has no part {error}") from error
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, RuntimeError, RecursionError) as error:
        raise ValueError(f"it is no ZIP archive, or a damaged one ({error})") from error
    if not isinstance(config, dict):
        raise ValueError("its configuration is no object")
    config.pop("compile_config", None)
    _check(config, 0)
    _check_weights(parts["model.weights.h5"])
    parts["config.json"] = json.dumps(config).encode()
    return packed_at("", parts)


def _check(config: Any, depth: int) -> None:
    """Refuse whatever would be made of other classes. Raises: ValueError."""
    if depth > MAX_DEPTH:
        raise ValueError("its configuration is nested too deeply")
    if isinstance(config, list):
        for each in config:
            _check(each, depth + 1)
    if not isinstance(config, dict):
        return
    name, module = config.get("class_name"), config.get("module")
    if "class_name" in config or "module" in config or "registered_name" in config:
        is_maker = module in MODULES and (name in LAYERS or module not in ("keras", "keras.layers"))
        if config.get("registered_name") not in (None, name) or not (is_maker or name == "__keras_tensor__"):
            raise ValueError(f"it is made of {module}.{name}, needed Keras's own layers of numbers")
    for each in config.values():
        _check(each, depth + 1)


def _check_weights(data: bytes) -> None:
    """Refuse weights that are not stored as they are, in this file. Raises: ValueError."""
    import h5py

    def look(group: Any, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise ValueError("its weights are nested too deeply")
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"its weights {name!r} are a link to another place")
            found = group[name]
            if isinstance(found, h5py.Group):
                look(found, depth + 1)
            elif found.is_virtual or found.external or found.id.get_storage_size() != found.size * found.dtype.itemsize:
                raise ValueError(f"its weights {name!r} are not stored as they are")

    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            look(file, 0)
    except (OSError, KeyError, RuntimeError) as error:
        raise ValueError(f"its weights are damaged ({error})") from error
