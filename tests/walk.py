"""Every estimator of scikit-learn, fitted on its own small data sets: what `indb.read` makes of each.

Nothing here knows a class by its name: what a constructor needs is known by the names of its parameters, and data by
trying what an estimator takes. So a class of a later release is walked over by itself.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn import base, datasets, linear_model, preprocessing
from sklearn.utils import InputTags, all_estimators, get_tags
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from indb.errors import UnsupportedModel
from indb.ir import Model
from indb.readers import read

CLASSES: dict[str, type] = dict(all_estimators())
"""Class name -> class, of all that scikit-learn lists."""

SMALL = {"n_estimators": 4, "random_state": 0, "n_quantiles": 20, "n_init": 1, "cv": 2, "n_features": 16}
"""Settings of those who have them, so that the walk is quick and gives the same every time."""


@dataclass(frozen=True)
class Walked:
    """What became of a class: the estimator, the frame that it was fitted on, and its model, or why there is none."""

    estimator: Any
    frame: pd.DataFrame
    model: Model | None
    refusal: UnsupportedModel | None = None

    @property
    def blocks(self) -> bool:
        """Whether it was read as blocks, which become SQL."""
        return self.model is not None and not self.model.is_foreign


@dataclass(frozen=True)
class Data:
    """What an estimator may be fitted on: the rows as a frame, as it takes them, and targets to try in turn."""

    frame: pd.DataFrame
    given: Any
    targets: tuple[Any, ...]


@cache
def flowers() -> Data:
    """Iris: four positive numbers; three species, two of them, numbers, two columns of numbers."""
    loaded = datasets.load_iris(as_frame=True)
    frame, species = loaded.data[::3], loaded.target.to_numpy()[::3]
    frame = frame.set_axis(["sepal length", "sepal width", "petal length", "petal width"], axis=1)
    names = loaded.target_names[species].astype(object)
    sizes = frame["petal width"].to_numpy()
    return Data(frame, frame, (names, species == 2, sizes, np.stack([sizes, frame["sepal width"]], axis=1)))


@cache
def gaps() -> Data:
    """Iris with missing values."""
    frame = flowers().frame.copy()
    frame.iloc[::7, 0], frame.iloc[3::9, 2] = np.nan, np.nan
    return Data(frame, frame, flowers().targets)


@cache
def numbers() -> Data:
    """Diabetes: numbers of both signs; a positive number, two of them."""
    loaded = datasets.load_diabetes(as_frame=True)
    frame, target = loaded.data.iloc[:60, :4].round(3), loaded.target.to_numpy()[:60]
    return Data(
        frame, frame, (target, np.stack([target, -2.0 * target], axis=1), np.stack([target > 140, target > 90], axis=1))
    )


@cache
def others() -> tuple[Data, ...]:
    """One column, texts, what is no table of columns."""
    frame = flowers().frame
    species, _, sizes, _ = flowers().targets
    square = frame.iloc[:2, :2]
    texts = [f"{name} {'long' if size > 1 else 'short thin'}" for name, size in zip(species, sizes, strict=True)]
    column = pd.DataFrame({"text": pd.Series(texts, dtype=object)})
    dicts = [{"size": size, "species": name} for name, size in zip(species, sizes, strict=True)]
    return (
        Data(frame[["petal length"]], frame["petal length"].to_numpy(), (sizes,)),
        Data(column, texts, (None,)),
        Data(column, species, (None,)),
        Data(column, dicts, (None,)),
        Data(column, [text.split() for text in texts], (None,)),
        Data(column, np.zeros((5, 8, 8)), (None,)),
        Data(square, square, (None,)),
    )


def construct(cls: type) -> Iterator[Any]:
    """The instances of a class to try, with what its constructor asks for."""
    regresses = issubclass(cls, base.RegressorMixin)
    simple = linear_model.Ridge() if regresses else linear_model.LogisticRegression()
    other = linear_model.LinearRegression() if regresses else linear_model.RidgeClassifier()
    scalers = [("a", preprocessing.StandardScaler()), ("b", preprocessing.MinMaxScaler())]
    settings = {"alpha": [1.0, 2.0]} if regresses else {"C": [1.0, 2.0]}
    asked = {
        "estimator": simple,
        "estimators": [("a", simple), ("b", other)],
        "steps": [("scale", scalers[0][1]), ("model", simple)],
        "transformer_list": scalers,
        "transformers": [(name, scaler, [number]) for number, (name, scaler) in enumerate(scalers)],
        "param_grid": settings,
        "param_distributions": settings,
        "dictionary": np.eye(4)[:3],
    }
    parameters = inspect.signature(cls).parameters
    needed = {
        name for name, each in parameters.items() if each.default is each.empty and each.kind is not each.VAR_KEYWORD
    }
    if not needed <= set(asked):
        raise AssertionError(f"{cls.__name__} needs {sorted(needed - set(asked))}: say in tests/walk.py what that is")
    given = {name: asked[name] for name in needed}
    given |= {name: value for name, value in SMALL.items() if name in parameters}
    fitted_one = linear_model.LogisticRegression().fit(flowers().given, flowers().targets[0])
    for extra in ({"novelty": True}, {}, {"n_components": 2}, {"estimator": simple}, {"estimator": fitted_one}):
        if set(extra) <= set(parameters):
            yield cls(**{**given, **extra})


def tables(cls: type, estimator: Any) -> tuple[Data, ...]:
    """What an estimator may be fitted on, the likeliest first."""
    try:
        takes = get_tags(estimator).input_tags
    except AttributeError:  # the tags of its inner estimator, which is None
        takes = InputTags()
    common = (numbers(), flowers()) if issubclass(cls, base.RegressorMixin) else (flowers(), numbers())
    common = (gaps(), *common) if takes.allow_nan else common
    return (*common, *others()) if takes.two_d_array else (*others(), *common)


def fitted(name: str) -> tuple[Any, Data]:
    """A fitted instance of a class, and what it was fitted on.

    Raises: AssertionError when it fits nothing that is tried; say here what it takes.
    """
    cls = CLASSES[name]
    problems = []
    for estimator in construct(cls):
        for data in tables(cls, estimator):
            for target in data.targets:
                given = (data.given, target)[: len(inspect.signature(cls.fit).parameters) - 1]
                try:
                    return base.clone(estimator).fit(*given), data
                except Exception as error:  # each says in its own way that it takes something else
                    problems.append(f"{type(error).__name__}: {error}")
    raise AssertionError(f"{name} fits nothing that is tried in tests/walk.py: {problems[:3]}")


@cache
def walked(name: str) -> Walked:
    """What becomes of a class. Raises: whatever `indb.read` raises besides UnsupportedModel."""
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")  # convergence and deprecation
        estimator, data = fitted(name)
    records = hasattr(estimator, "feature_names_in_") or hasattr(estimator, "n_features_in_")
    try:
        return Walked(estimator, data.frame, read(estimator, columns=None if records else list(data.frame.columns)))
    except UnsupportedModel as refusal:
        return Walked(estimator, data.frame, None, refusal)
