"""The operators of ai.onnx.ml: importing this registers them all."""

from indb.readers.onnx import ml_features as ml_features
from indb.readers.onnx import ml_labels as ml_labels
from indb.readers.onnx import ml_linear as ml_linear
from indb.readers.onnx import ml_svm as ml_svm
from indb.readers.onnx import ml_tree_operators as ml_tree_operators
