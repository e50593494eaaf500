"""What a model file may hold: forged content is refused before anything is computed with it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import skops.io
from scipy.interpolate import BSpline
from scipy.sparse import csr_matrix
from sklearn.ensemble import AdaBoostRegressor, HistGradientBoostingRegressor, VotingRegressor
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from zoo import frames

from indb import codec
from indb.errors import ModelFileError, UnsupportedModel
from indb.ir import Column, Foreign, ForeignModel, Target
from indb.readers import read
from indb.runtime import trust
from indb.runtime.scorer import Scorer


def fitted(estimator: Any) -> Any:
    return estimator.fit(frames.numbers(), frames.signal())


def forged(estimator: Any) -> ForeignModel:
    """The model of an estimator as it is, not looked at."""
    columns = tuple(Column(name) for name in frames.numbers().columns)
    payload = np.frombuffer(skops.io.dumps(estimator), np.uint8)
    block = Foreign(columns, "skops", payload, type(estimator).__name__, "predict", 1)
    return ForeignModel(columns, (Target("", {"predict": block}),))


class Evil(StandardScaler):
    """A class of somebody's own."""


def test_a_type_that_is_not_known_is_refused_by_the_runtime() -> None:
    data = codec.encode(forged(Evil().fit(frames.numbers())))
    with pytest.raises(ModelFileError, match=r"load the Evil of the model: it holds types .* test_trust\.Evil"):
        Scorer.load(data)


def test_a_function_is_refused_even_if_it_is_scikit_learns() -> None:
    from sklearn.datasets import load_svmlight_file

    model = FunctionTransformer(load_svmlight_file).fit(frames.numbers())
    with pytest.raises(ModelFileError, match="load_svmlight_file"):
        Scorer(forged(model))
    with pytest.raises(UnsupportedModel, match=r"nor can it run as a UDF: it holds .*load_svmlight_file"):
        read(model)


def test_a_changed_payload_is_refused_by_the_digest() -> None:
    data = bytearray(codec.encode(read(fitted(KNeighborsRegressor()))))
    data[-1000] ^= 1
    with pytest.raises(ModelFileError, match="it is damaged"):
        Scorer.load(bytes(data))


def test_a_payload_that_is_no_skops_file_is_refused() -> None:
    model = forged(StandardScaler().fit(frames.numbers()))
    block = model.targets[0].outputs["predict"]
    assert isinstance(block, Foreign)
    broken = Foreign(block.inputs, "skops", block.payload[: len(block.payload) // 2].copy(), "X", "predict", 1)
    with pytest.raises(ModelFileError, match=r"cannot load the X of the model: .*\n  Install the versions"):
        Scorer(ForeignModel(model.columns, (Target("", {"predict": broken}),)))


def test_a_pickle_is_run_from_memory_only() -> None:
    estimator = Evil().fit(frames.numbers())
    model = read(estimator, trust=True)
    row = {name: np.array([[1.0]]) for name in frames.numbers().columns}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = estimator.transform(np.ones((1, 4)))
    np.testing.assert_array_equal(Scorer(model).outputs(row, 1)[""]["transform"], wanted)
    with pytest.raises(ModelFileError, match="its Evil is a pickle"):
        codec.encode(model)


def test_another_release_of_scikit_learn_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sklearn.base.__version__", "1.2.3")
    data = codec.encode(forged(fitted(KNeighborsRegressor())))
    monkeypatch.setattr("sklearn.base.__version__", "1.2.9")
    Scorer.load(data)
    monkeypatch.setattr("sklearn.base.__version__", "1.3.0")
    with pytest.raises(ModelFileError, match=r"fitted with scikit-learn 1\.2\.3, here is 1\.3\.0, needed the same"):
        Scorer.load(data)


def set_state(tree: Any, name: str, change: Callable[[Any], None]) -> None:
    """Change an array in the state of a compiled tree."""
    state = tree.__getstate__()
    state[name] = state[name].copy()
    change(state[name])
    tree.__setstate__(state)


def boosted(change: Callable[[Any], None]) -> Any:
    model = fitted(AdaBoostRegressor(n_estimators=2))
    set_state(model.estimators_[0].tree_, "nodes", change)
    return model


def hist(change: Callable[[Any], None]) -> Any:
    model = fitted(VotingRegressor([("a", HistGradientBoostingRegressor(max_iter=2))]))
    change(model.estimators_[0]._predictors[0][0].nodes)
    return model


def neighbours(position: int, change: Callable[[Any], None]) -> Any:
    model = fitted(KNeighborsRegressor(algorithm="kd_tree"))
    state = list(model._tree.__getstate__())
    state[position] = np.asarray(state[position]).copy()
    change(state[position])
    model._tree.__setstate__(tuple(state))
    return model


def put(field: Any, value: Any, row: int = 0) -> Callable[[Any], None]:
    def change(array: Any) -> None:
        array[field][row] = value

    return change


def put_index(array: Any) -> None:
    array[0] = 10**6


def put_set(nodes: Any) -> None:
    nodes["is_categorical"][0], nodes["bitset_idx"][0] = 1, 7


FORGED: dict[str, tuple[Callable[[], Any], str]] = {
    "left child": (lambda: boosted(put("left_child", 10**6)), "Tree has a child"),
    "right child": (lambda: boosted(put("right_child", 0)), "Tree has a child"),
    "feature": (lambda: boosted(put("feature", 4)), "Tree splits on a feature outside of the 4"),
    "feature below": (lambda: boosted(put("feature", -9)), "Tree splits on a feature"),
    "hist left": (lambda: hist(put("left", 2**31)), "TreePredictor has a child"),
    "hist feature": (lambda: hist(put("feature_idx", 4)), "TreePredictor splits on a feature outside of the 4"),
    "hist set": (
        lambda: hist(put_set),
        "TreePredictor uses a set of categories",
    ),
    "row of a neighbour": (lambda: neighbours(1, put_index), "KDTree points outside of its 120 rows"),
    "end of a node": (lambda: neighbours(2, put("idx_end", 10**6)), "KDTree has a node outside"),
    "no leaf": (lambda: neighbours(2, put("is_leaf", 0, -1)), "KDTree has a node without its children"),
}


@pytest.mark.parametrize(("make", "why"), FORGED.values(), ids=FORGED)
def test_forged_numbers_that_compiled_code_follows_are_refused(make: Callable[[], Any], why: str) -> None:
    with pytest.raises(ModelFileError, match=why):
        Scorer(forged(make()))


def test_forged_splines_and_matrices() -> None:
    spline = BSpline(np.arange(8.0), np.ones(4), 3)
    assert trust.forged([spline]) is None
    spline.c = np.ones(2)
    assert trust.forged([spline]) == "a BSpline has 8 knots for 2 coefficients"
    matrix = csr_matrix(np.eye(3))
    assert trust.forged({"a": matrix}) is None
    matrix.indices[0] = 77
    assert "csr_matrix is no matrix" in str(trust.forged({"a": matrix}))
