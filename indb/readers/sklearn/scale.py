"""Scalers of sklearn.preprocessing. All of them let a missing value pass, and refuse infinities."""

from __future__ import annotations

from typing import Any

import numpy as np

from indb import build
from indb.ir import Block, Floats
from indb.readers.base import Frame, Reading, reads
from indb.readers.sklearn.values import finite_numbers


def _framed(x: Block, frame: Frame) -> Frame:
    return frame.replaced(frame.names, build.lanes(x))


def _centred(x: Block, centre: Floats | None, scale: Floats | None, frame: Frame) -> Block:
    """(x - centre) / scale; a sparse column is multiplied by 1 / scale. Source: sklearn inplace_column_scale."""
    if frame.sparse and scale is not None:
        return build.multiply(x, build.number(*(1.0 / np.asarray(scale, dtype=np.float64))))
    return build.standardise(x, centre, scale)


@reads("sklearn", "StandardScaler")
def read_standard_scaler(scaler: Any, frame: Frame, reading: Reading) -> Frame:
    """(x - mean_) / scale_. Source: sklearn.preprocessing.StandardScaler.transform."""
    x = finite_numbers(frame, reading, missing=True)
    mean = scaler.mean_ if scaler.with_mean else None
    return _framed(_centred(x, mean, scaler.scale_ if scaler.with_std else None, frame), frame)


@reads("sklearn", "RobustScaler")
def read_robust_scaler(scaler: Any, frame: Frame, reading: Reading) -> Frame:
    """(x - center_) / scale_. Source: sklearn.preprocessing.RobustScaler.transform."""
    x = finite_numbers(frame, reading, missing=True)
    centre = scaler.center_ if scaler.with_centering else None
    return _framed(_centred(x, centre, scaler.scale_ if scaler.with_scaling else None, frame), frame)


@reads("sklearn", "MaxAbsScaler")
def read_max_abs_scaler(scaler: Any, frame: Frame, reading: Reading) -> Frame:
    """x / scale_, then clipped to -1 … 1 where asked. Source: sklearn.preprocessing.MaxAbsScaler.transform."""
    x = _centred(finite_numbers(frame, reading, missing=True), None, scaler.scale_, frame)
    if getattr(scaler, "clip", False):  # new in scikit-learn 1.9
        x = build.clip(x, build.number(-1.0), build.number(1.0))
    return _framed(x, frame)


@reads("sklearn", "MinMaxScaler")
def read_min_max_scaler(scaler: Any, frame: Frame, reading: Reading) -> Frame:
    """x * scale_ + min_, then clipped to feature_range. Source: sklearn.preprocessing.MinMaxScaler.transform."""
    x = build.multiply(finite_numbers(frame, reading, missing=True), build.number(*scaler.scale_))
    x = build.add(x, build.number(*scaler.min_))
    if scaler.clip:
        low, high = scaler.feature_range
        x = build.clip(x, build.number(low), build.number(high))
    return _framed(x, frame)
