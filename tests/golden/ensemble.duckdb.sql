-- indb: model ensemble, version 1
-- digest: sha256 1f6399654347e2a4ea6fd93cb7f5467732efb79f42d8bf2ed502fc3f1379e717
-- read from: class GradientBoostingClassifier
-- columns: age (integer), Income $ (float64)

-- predict, expression
(CASE
  WHEN CASE WHEN r."Income $" <= 1000.5e0 THEN -0.5e0 WHEN r."age" <= 18 THEN 0.25e0 ELSE 1.5e0 END
    + CASE WHEN r."age" > 40 THEN -0.75e0 ELSE 0.125e0 END > 0e0
    THEN 1e0
  ELSE 0e0
END) = 1e0

-- decision_function, expression
CASE WHEN r."Income $" <= 1000.5e0 THEN -0.5e0 WHEN r."age" <= 18 THEN 0.25e0 ELSE 1.5e0 END
+ CASE WHEN r."age" > 40 THEN -0.75e0 ELSE 0.125e0 END

-- predict_proba_false, expression
1e0
- 1e0 / (1e0
    + exp(-(CASE WHEN r."Income $" <= 1000.5e0 THEN -0.5e0 WHEN r."age" <= 18 THEN 0.25e0 ELSE 1.5e0 END
        + CASE WHEN r."age" > 40 THEN -0.75e0 ELSE 0.125e0 END)))

-- predict_proba_true, expression
1e0 / (1e0
  + exp(-(CASE WHEN r."Income $" <= 1000.5e0 THEN -0.5e0 WHEN r."age" <= 18 THEN 0.25e0 ELSE 1.5e0 END
      + CASE WHEN r."age" > 40 THEN -0.75e0 ELSE 0.125e0 END)))

-- predict, staged
(CASE
  WHEN CASE WHEN r."Income $" <= 1000.5e0 THEN -0.5e0 WHEN r."age" <= 18 THEN 0.25e0 ELSE 1.5e0 END
    + CASE WHEN r."age" > 40 THEN -0.75e0 ELSE 0.125e0 END > 0e0
    THEN 1e0
  ELSE 0e0
END) = 1e0

-- decision_function, staged
CASE WHEN r."Income $" <= 1000.5e0 THEN -0.5e0 WHEN r."age" <= 18 THEN 0.25e0 ELSE 1.5e0 END
+ CASE WHEN r."age" > 40 THEN -0.75e0 ELSE 0.125e0 END

-- predict_proba_false, staged
1e0
- 1e0 / (1e0
    + exp(-(CASE WHEN r."Income $" <= 1000.5e0 THEN -0.5e0 WHEN r."age" <= 18 THEN 0.25e0 ELSE 1.5e0 END
        + CASE WHEN r."age" > 40 THEN -0.75e0 ELSE 0.125e0 END)))

-- predict_proba_true, staged
1e0 / (1e0
  + exp(-(CASE WHEN r."Income $" <= 1000.5e0 THEN -0.5e0 WHEN r."age" <= 18 THEN 0.25e0 ELSE 1.5e0 END
      + CASE WHEN r."age" > 40 THEN -0.75e0 ELSE 0.125e0 END)))

-- to_sql
-- indb: scores of shop.customers
-- digest: sha256 1f6399654347e2a4ea6fd93cb7f5467732efb79f42d8bf2ed502fc3f1379e717
-- read from: class GradientBoostingClassifier
-- columns: age (number), Income $ (number)
SELECT
  stage_1.key_0 AS "id",
  (CASE WHEN stage_1.trees_1 > 0e0 THEN 1e0 ELSE 0e0 END) = 1e0 AS "predict",
  stage_1.trees_1 AS "decision_function",
  1e0 - 1e0 / (1e0 + exp(-stage_1.trees_1)) AS "predict_proba_false",
  1e0 / (1e0 + exp(-stage_1.trees_1)) AS "predict_proba_true"
FROM (
  SELECT
    input."id" AS key_0,
    CASE
        WHEN input."Income $" <= 1000.5e0 THEN -0.5e0
        WHEN input."age" <= 18e0 THEN 0.25e0
        ELSE 1.5e0
      END
    + CASE WHEN -input."age" < -40e0 THEN -0.75e0 ELSE 0.125e0 END AS trees_1
  FROM (
    SELECT
      t."id",
      t."age"::DOUBLE AS "age",
      t."Income $"::DOUBLE AS "Income $"
    FROM "shop"."customers" AS t
  ) AS input
) AS stage_1
