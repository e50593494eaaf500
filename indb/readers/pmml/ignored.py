"""What of a PMML file says nothing of scores, by element: it may be there, and nobody has to read it."""

from __future__ import annotations

IGNORED: dict[str, frozenset[str]] = {
    "*": frozenset({"Extension", "Annotation"}),
    "PMML": frozenset({"Header", "MiningBuildTask", "@version"}),
    "DataDictionary": frozenset({"@numberOfFields", "Taxonomy"}),
    "DataField": frozenset({"@displayName"}),
    "MiningField": frozenset({"@importance", "@optype", "@missingValueTreatment", "@lowValue", "@highValue"}),
    "DerivedField": frozenset({"@displayName"}),
    "ParameterField": frozenset({"@displayName"}),
    "OutputField": frozenset({"@displayName", "Decisions", "Value"}),
    "Scorecard": frozenset({"@baselineScore", "@useReasonCodes", "@baselineMethod", "@reasonCodeAlgorithm"}),
    "Characteristic": frozenset({"@baselineScore", "@reasonCode", "@name"}),
    "Attribute": frozenset({"@reasonCode"}),
    "RuleSet": frozenset({"@recordCount", "@nbCorrect", "@defaultConfidence", "ScoreDistribution"}),
    "SimpleRule": frozenset({"@id", "@recordCount", "@nbCorrect", "@confidence", "@weight", "ScoreDistribution"}),
    "CompoundRule": frozenset({"@id"}),
    "GeneralRegressionModel": frozenset(
        {
            *("PCovMatrix", "EventValues", "@modelDF", "@distribution", "@startTimeVariable", "@subjectIDVariable"),
            *("@statusVariable", "@targetVariableName"),
        }
    ),
    "PCell": frozenset({"@df"}),
    "Node": frozenset({"Partition", "@id", "@recordCount", "@defaultChild"}),
    "Predictor": frozenset({"@contrastMatrixType"}),
    "ScoreDistribution": frozenset({"@recordCount"}),
    "Target": frozenset({"@optype"}),
    "TargetValue": frozenset({"@rawDataValue"}),
    "Segment": frozenset({"@weight", "@id"}),
    "Segmentation": frozenset({"@missingThreshold"}),
    "TreeModel": frozenset({"@missingValuePenalty"}),
}

MODEL = frozenset(
    {
        *("@modelName", "@algorithmName", "@targetFieldName", "@modelType"),
        *("ModelStats", "ModelExplanation", "ModelVerification"),
    }
)
"""The same for every model element."""
