-- indb: model ensemble, version 1
-- digest: sha256 1f6399654347e2a4ea6fd93cb7f5467732efb79f42d8bf2ed502fc3f1379e717
-- read from: class GradientBoostingClassifier
-- columns: age (integer), Income $ (float64)

-- predict, expression
(CASE
  WHEN CASE
        WHEN r."Income $" <= 1000.5::float8 THEN -0.5::float8
        WHEN r."age" <= 18 THEN 0.25::float8
        ELSE 1.5::float8
      END
    + CASE WHEN r."age" > 40 THEN -0.75::float8 ELSE 0.125::float8 END > 0::float8
    THEN 1::float8
  ELSE 0::float8
END) = 1::float8

-- decision_function, expression
CASE
    WHEN r."Income $" <= 1000.5::float8 THEN -0.5::float8
    WHEN r."age" <= 18 THEN 0.25::float8
    ELSE 1.5::float8
  END
+ CASE WHEN r."age" > 40 THEN -0.75::float8 ELSE 0.125::float8 END

-- predict_proba_false, expression
1::float8
- 1::float8 / (1::float8
    + exp(-(CASE
            WHEN r."Income $" <= 1000.5::float8 THEN -0.5::float8
            WHEN r."age" <= 18 THEN 0.25::float8
            ELSE 1.5::float8
          END
        + CASE WHEN r."age" > 40 THEN -0.75::float8 ELSE 0.125::float8 END)))

-- predict_proba_true, expression
1::float8 / (1::float8
  + exp(-(CASE
          WHEN r."Income $" <= 1000.5::float8 THEN -0.5::float8
          WHEN r."age" <= 18 THEN 0.25::float8
          ELSE 1.5::float8
        END
      + CASE WHEN r."age" > 40 THEN -0.75::float8 ELSE 0.125::float8 END)))

-- predict, staged
BEGIN
  RETURN (CASE
    WHEN CASE
          WHEN r."Income $" <= 1000.5::float8 THEN -0.5::float8
          WHEN r."age" <= 18 THEN 0.25::float8
          ELSE 1.5::float8
        END
      + CASE WHEN r."age" > 40 THEN -0.75::float8 ELSE 0.125::float8 END > 0::float8
      THEN 1::float8
    ELSE 0::float8
  END) = 1::float8;
END

-- decision_function, staged
BEGIN
  RETURN CASE
      WHEN r."Income $" <= 1000.5::float8 THEN -0.5::float8
      WHEN r."age" <= 18 THEN 0.25::float8
      ELSE 1.5::float8
    END
  + CASE WHEN r."age" > 40 THEN -0.75::float8 ELSE 0.125::float8 END;
END

-- predict_proba_false, staged
BEGIN
  RETURN 1::float8
  - 1::float8 / (1::float8
      + exp(-(CASE
              WHEN r."Income $" <= 1000.5::float8 THEN -0.5::float8
              WHEN r."age" <= 18 THEN 0.25::float8
              ELSE 1.5::float8
            END
          + CASE WHEN r."age" > 40 THEN -0.75::float8 ELSE 0.125::float8 END)));
END

-- predict_proba_true, staged
BEGIN
  RETURN 1::float8 / (1::float8
    + exp(-(CASE
            WHEN r."Income $" <= 1000.5::float8 THEN -0.5::float8
            WHEN r."age" <= 18 THEN 0.25::float8
            ELSE 1.5::float8
          END
        + CASE WHEN r."age" > 40 THEN -0.75::float8 ELSE 0.125::float8 END)));
END

-- to_sql
-- indb: scores of shop.customers
-- digest: sha256 1f6399654347e2a4ea6fd93cb7f5467732efb79f42d8bf2ed502fc3f1379e717
-- read from: class GradientBoostingClassifier
-- columns: age (number), Income $ (number)
SELECT
  stage_1.key_0 AS "id",
  (CASE WHEN stage_1.trees_1 > 0::float8 THEN 1::float8 ELSE 0::float8 END) = 1::float8 AS "predict",
  stage_1.trees_1 AS "decision_function",
  1::float8 - 1::float8 / (1::float8 + exp(-stage_1.trees_1)) AS "predict_proba_false",
  1::float8 / (1::float8 + exp(-stage_1.trees_1)) AS "predict_proba_true"
FROM (
  SELECT
    input."id" AS key_0,
    CASE
        WHEN input."Income $" <= 1000.5::float8 THEN -0.5::float8
        WHEN input."age" <= 18::float8 THEN 0.25::float8
        ELSE 1.5::float8
      END
    + CASE WHEN -input."age" < -40::float8 THEN -0.75::float8 ELSE 0.125::float8 END AS trees_1
  FROM (
    SELECT
      t."id",
      t."age"::float8 AS "age",
      t."Income $"::float8 AS "Income $"
    FROM "shop"."customers" AS t
  ) AS input
  OFFSET 0
) AS stage_1
