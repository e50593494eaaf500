"""Stacking: what the members say is what a last estimator reads."""

from __future__ import annotations

from typing import Any

from indb import build
from indb.ir import Block, Target
from indb.readers.base import Frame, Lane, Reading, reads, transforms
from indb.readers.sklearn.labels import labels_of
from indb.readers.sklearn.members import in_float32, read_member, read_members


@reads("sklearn", "StackingClassifier")
def stacking_classifier(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """What the last estimator gives, which was fitted on the numbers of the classes.

    Raises: UnsupportedModel for several labels in one row. Source: sklearn.ensemble.StackingClassifier.predict.
    """
    if isinstance(estimator.classes_, list):
        raise reading.unsupported("it was fitted on several labels in one row", "Fit a model for each of them.")
    labels = labels_of(estimator.classes_, reading)
    final = read_member(estimator.final_estimator_, stacked(estimator, frame, reading), reading)
    outputs = dict(final.target.outputs)
    outputs["predict"] = final.number(range(len(labels)))
    if len(final.places(range(len(labels)))) != len(labels):
        raise reading.unsupported("its final estimator does not know all classes", "Fit it again.")
    return [Target("", outputs, labels)]


@reads("sklearn", "StackingRegressor")
def stacking_regressor(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """What the last estimator predicts. Source: sklearn.ensemble.StackingRegressor.predict."""
    final = read_member(estimator.final_estimator_, stacked(estimator, frame, reading), reading)
    return [Target("", {"predict": final.value()})]


@transforms("sklearn", "StackingClassifier", "StackingRegressor")
def stacked(estimator: Any, frame: Frame, reading: Reading) -> Frame:
    """What the members say side by side, then the columns themselves where they are passed through.

    Of two probabilities only the second is kept.
    Source: sklearn.ensemble._stacking._BaseStacking._concatenate_predictions.
    """
    lanes: list[Lane] = []
    names: list[str] = []
    two_classes = len(getattr(estimator, "classes_", ())) == 2
    members = read_members(estimator.estimators_, frame, reading)
    for number, (member, method) in enumerate(zip(members, estimator.stack_method_, strict=True)):
        found = build.lanes(member.value() if method == "predict" else member.output(method))
        if method == "predict_proba" and two_classes:
            found = found[1:]
        lanes += found
        names += [f"member_{number}_{place}" for place in range(len(found))]
    if not estimator.passthrough:
        single = all(in_float32(lane) for lane in lanes if isinstance(lane, Block))
        return Frame(tuple(names), tuple(lanes), "float32" if single else "float64")
    if frame.dtype != "float64":
        raise reading.unsupported(f"it passes columns of dtype {frame.dtype} on, needed float64")
    return Frame((*names, *frame.names), (*lanes, *frame.lanes), sparse=frame.sparse)
