-- indb: model softmax, version 1
-- digest: sha256 4cb7ba181a2f7b635b7057b0290ee22715651054c138833986634d672988b63b
-- read from: class LogisticRegression
-- columns: age (integer), Income $ (float64)

-- predict, expression
(CASE
  WHEN r."age" IS NOT NULL AND r."Income $" BETWEEN -1e+300 AND 1e+300 THEN CASE
    WHEN r."age"::DOUBLE * 0.025e0 + r."Income $" * 0.00075e0 + 1e0 <= r."age"::DOUBLE * 0.05e0 + r."Income $" * -0.001e0
      AND r."age"::DOUBLE * -0.1e0 + r."Income $" * 0.0001e0 - 2e0 <= r."age"::DOUBLE * 0.05e0 + r."Income $" * -0.001e0
      THEN 'it''s'
    WHEN r."age"::DOUBLE * -0.1e0 + r."Income $" * 0.0001e0 - 2e0 <= r."age"::DOUBLE * 0.025e0 + r."Income $" * 0.00075e0 + 1e0
      THEN 'b'
    ELSE 'c'
  END
END)::VARCHAR

-- predict_proba_it's, expression
nullif(CASE
  WHEN r."age" IS NOT NULL AND r."Income $" BETWEEN -1e+300 AND 1e+300 THEN exp(r."age"::DOUBLE * 0.05e0 + r."Income $" * -0.001e0
  - greatest(r."age"::DOUBLE * 0.05e0 + r."Income $" * -0.001e0, r."age"::DOUBLE * 0.025e0 + r."Income $" * 0.00075e0 + 1e0, r."age"::DOUBLE * -0.1e0 + r."Income $" * 0.0001e0 - 2e0)) / (exp(r."age"::DOUBLE * 0.05e0 + r."Income $" * -0.001e0
      - greatest(r."age"::DOUBLE * 0.05e0 + r."Income $" * -0.001e0, r."age"::DOUBLE * 0.025e0 + r."Income $" * 0.00075e0 + 1e0, r."age"::DOUBLE * -0.1e0 + r."Income $" * 0.0001e0 - 2e0))
    + exp(r."age"::DOUBLE * 0.025e0 + r."Income $" * 0.00075e0 + 1e0
      - greatest(r."age"::DOUBLE * 0.05e0 + r."Income $" * -0.001e0, r."age"::DOUBLE * 0.025e0 + r."Income $" * 0.00075e0 + 1e0, r."age"::DOUBLE * -0.1e0 + r."Income $" * 0.0001e0 - 2e0))
    + exp(r."age"::DOUBLE * -0.1e0 + r."Income $" * 0.0001e0 - 2e0
      - greatest(r."age"::DOUBLE * 0.05e0 + r."Income $" * -0.001e0, r."age"::DOUBLE * 0.025e0 + r."Income $" * 0.00075e0 + 1e0, r."age"::DOUBLE * -0.1e0 + r."Income $" * 0.0001e0 - 2e0)))
  ELSE NULL::DOUBLE
END, 'NaN'::DOUBLE)

-- predict_proba_b, expression
nullif(CASE
  WHEN r."age" IS NOT NULL AND r."Income $" BETWEEN -1e+300 AND 1e+300 THEN exp(r."age"::DOUBLE * 0.025e0 + r."Income $" * 0.00075e0 + 1e0
  - greatest(r."age"::DOUBLE * 0.05e0 + r."Income $" * -0.001e0, r."age"::DOUBLE * 0.025e0 + r."Income $" * 0.00075e0 + 1e0, r."age"::DOUBLE * -0.1e0 + r."Income $" * 0.0001e0 - 2e0)) / (exp(r."age"::DOUBLE * 0.05e0 + r."Income $" * -0.001e0
      - greatest(r."age"::DOUBLE * 0.05e0 + r."Income $" * -0.001e0, r."age"::DOUBLE * 0.025e0 + r."Income $" * 0.00075e0 + 1e0, r."age"::DOUBLE * -0.1e0 + r."Income $" * 0.0001e0 - 2e0))
    + exp(r."age"::DOUBLE * 0.025e0 + r."Income $" * 0.00075e0 + 1e0
      - greatest(r."age"::DOUBLE * 0.05e0 + r."Income $" * -0.001e0, r."age"::DOUBLE * 0.025e0 + r."Income $" * 0.00075e0 + 1e0, r."age"::DOUBLE * -0.1e0 + r."Income $" * 0.0001e0 - 2e0))
    + exp(r."age"::DOUBLE * -0.1e0 + r."Income $" * 0.0001e0 - 2e0
      - greatest(r."age"::DOUBLE * 0.05e0 + r."Income $" * -0.001e0, r."age"::DOUBLE * 0.025e0 + r."Income $" * 0.00075e0 + 1e0, r."age"::DOUBLE * -0.1e0 + r."Income $" * 0.0001e0 - 2e0)))
  ELSE NULL::DOUBLE
END, 'NaN'::DOUBLE)

-- predict_proba_c, expression
nullif(CASE
  WHEN r."age" IS NOT NULL AND r."Income $" BETWEEN -1e+300 AND 1e+300 THEN exp(r."age"::DOUBLE * -0.1e0 + r."Income $" * 0.0001e0 - 2e0
  - greatest(r."age"::DOUBLE * 0.05e0 + r."Income $" * -0.001e0, r."age"::DOUBLE * 0.025e0 + r."Income $" * 0.00075e0 + 1e0, r."age"::DOUBLE * -0.1e0 + r."Income $" * 0.0001e0 - 2e0)) / (exp(r."age"::DOUBLE * 0.05e0 + r."Income $" * -0.001e0
      - greatest(r."age"::DOUBLE * 0.05e0 + r."Income $" * -0.001e0, r."age"::DOUBLE * 0.025e0 + r."Income $" * 0.00075e0 + 1e0, r."age"::DOUBLE * -0.1e0 + r."Income $" * 0.0001e0 - 2e0))
    + exp(r."age"::DOUBLE * 0.025e0 + r."Income $" * 0.00075e0 + 1e0
      - greatest(r."age"::DOUBLE * 0.05e0 + r."Income $" * -0.001e0, r."age"::DOUBLE * 0.025e0 + r."Income $" * 0.00075e0 + 1e0, r."age"::DOUBLE * -0.1e0 + r."Income $" * 0.0001e0 - 2e0))
    + exp(r."age"::DOUBLE * -0.1e0 + r."Income $" * 0.0001e0 - 2e0
      - greatest(r."age"::DOUBLE * 0.05e0 + r."Income $" * -0.001e0, r."age"::DOUBLE * 0.025e0 + r."Income $" * 0.00075e0 + 1e0, r."age"::DOUBLE * -0.1e0 + r."Income $" * 0.0001e0 - 2e0)))
  ELSE NULL::DOUBLE
END, 'NaN'::DOUBLE)

-- decision_function_it's, expression
CASE
  WHEN r."age" IS NOT NULL AND r."Income $" BETWEEN -1e+300 AND 1e+300
    THEN r."age"::DOUBLE * 0.05e0 + r."Income $" * -0.001e0
  ELSE NULL::DOUBLE
END

-- decision_function_b, expression
CASE
  WHEN r."age" IS NOT NULL AND r."Income $" BETWEEN -1e+300 AND 1e+300
    THEN r."age"::DOUBLE * 0.025e0 + r."Income $" * 0.00075e0 + 1e0
  ELSE NULL::DOUBLE
END

-- decision_function_c, expression
CASE
  WHEN r."age" IS NOT NULL AND r."Income $" BETWEEN -1e+300 AND 1e+300
    THEN r."age"::DOUBLE * -0.1e0 + r."Income $" * 0.0001e0 - 2e0
  ELSE NULL::DOUBLE
END

-- predict, staged
(CASE
  WHEN r."age" IS NOT NULL AND r."Income $" BETWEEN -1e+300 AND 1e+300 THEN CASE
    WHEN r."age"::DOUBLE * 0.025e0 + r."Income $" * 0.00075e0 + 1e0 <= r."age"::DOUBLE * 0.05e0 + r."Income $" * -0.001e0
      AND r."age"::DOUBLE * -0.1e0 + r."Income $" * 0.0001e0 - 2e0 <= r."age"::DOUBLE * 0.05e0 + r."Income $" * -0.001e0
      THEN 'it''s'
    WHEN r."age"::DOUBLE * -0.1e0 + r."Income $" * 0.0001e0 - 2e0 <= r."age"::DOUBLE * 0.025e0 + r."Income $" * 0.00075e0 + 1e0
      THEN 'b'
    ELSE 'c'
  END
END)::VARCHAR

-- predict_proba_it's, staged
list_transform([struct_pack(
    linear_1 := r."age"::DOUBLE * 0.05e0 + r."Income $" * -0.001e0,
    linear_2 := r."age"::DOUBLE * 0.025e0 + r."Income $" * 0.00075e0 + 1e0,
    linear_3 := r."age"::DOUBLE * -0.1e0 + r."Income $" * 0.0001e0 - 2e0
  )], lambda _s0:
list_transform([struct_pack(
    max_1 := greatest(_s0.linear_1, _s0.linear_2, _s0.linear_3)
  )], lambda _s1:
  nullif(CASE
    WHEN r."age" IS NOT NULL AND r."Income $" BETWEEN -1e+300 AND 1e+300
      THEN exp(_s0.linear_1 - _s1.max_1) / (exp(_s0.linear_1 - _s1.max_1) + exp(_s0.linear_2 - _s1.max_1) + exp(_s0.linear_3 - _s1.max_1))
    ELSE NULL::DOUBLE
  END, 'NaN'::DOUBLE)
)[1])[1]

-- predict_proba_b, staged
list_transform([struct_pack(
    linear_1 := r."age"::DOUBLE * 0.025e0 + r."Income $" * 0.00075e0 + 1e0,
    linear_2 := r."age"::DOUBLE * 0.05e0 + r."Income $" * -0.001e0,
    linear_3 := r."age"::DOUBLE * -0.1e0 + r."Income $" * 0.0001e0 - 2e0
  )], lambda _s0:
list_transform([struct_pack(
    max_1 := greatest(_s0.linear_2, _s0.linear_1, _s0.linear_3)
  )], lambda _s1:
  nullif(CASE
    WHEN r."age" IS NOT NULL AND r."Income $" BETWEEN -1e+300 AND 1e+300
      THEN exp(_s0.linear_1 - _s1.max_1) / (exp(_s0.linear_2 - _s1.max_1) + exp(_s0.linear_1 - _s1.max_1) + exp(_s0.linear_3 - _s1.max_1))
    ELSE NULL::DOUBLE
  END, 'NaN'::DOUBLE)
)[1])[1]

-- predict_proba_c, staged
list_transform([struct_pack(
    linear_1 := r."age"::DOUBLE * -0.1e0 + r."Income $" * 0.0001e0 - 2e0,
    linear_2 := r."age"::DOUBLE * 0.05e0 + r."Income $" * -0.001e0,
    linear_3 := r."age"::DOUBLE * 0.025e0 + r."Income $" * 0.00075e0 + 1e0
  )], lambda _s0:
list_transform([struct_pack(
    max_1 := greatest(_s0.linear_2, _s0.linear_3, _s0.linear_1)
  )], lambda _s1:
  nullif(CASE
    WHEN r."age" IS NOT NULL AND r."Income $" BETWEEN -1e+300 AND 1e+300
      THEN exp(_s0.linear_1 - _s1.max_1) / (exp(_s0.linear_2 - _s1.max_1) + exp(_s0.linear_3 - _s1.max_1) + exp(_s0.linear_1 - _s1.max_1))
    ELSE NULL::DOUBLE
  END, 'NaN'::DOUBLE)
)[1])[1]

-- decision_function_it's, staged
CASE
  WHEN r."age" IS NOT NULL AND r."Income $" BETWEEN -1e+300 AND 1e+300
    THEN r."age"::DOUBLE * 0.05e0 + r."Income $" * -0.001e0
  ELSE NULL::DOUBLE
END

-- decision_function_b, staged
CASE
  WHEN r."age" IS NOT NULL AND r."Income $" BETWEEN -1e+300 AND 1e+300
    THEN r."age"::DOUBLE * 0.025e0 + r."Income $" * 0.00075e0 + 1e0
  ELSE NULL::DOUBLE
END

-- decision_function_c, staged
CASE
  WHEN r."age" IS NOT NULL AND r."Income $" BETWEEN -1e+300 AND 1e+300
    THEN r."age"::DOUBLE * -0.1e0 + r."Income $" * 0.0001e0 - 2e0
  ELSE NULL::DOUBLE
END

-- to_sql
-- indb: scores of shop.customers
-- digest: sha256 4cb7ba181a2f7b635b7057b0290ee22715651054c138833986634d672988b63b
-- read from: class LogisticRegression
-- columns: age (number), Income $ (number)
SELECT
  stage_3.key_0 AS "id",
  (CASE
    WHEN stage_3.accepted_1 THEN CASE
      WHEN stage_3.linear_2 <= stage_3.linear_1 AND stage_3.linear_3 <= stage_3.linear_1 THEN 'it''s'
      WHEN stage_3.linear_3 <= stage_3.linear_2 THEN 'b'
      ELSE 'c'
    END
  END)::VARCHAR AS "predict",
  nullif(CASE
    WHEN stage_3.accepted_1 THEN exp(stage_3.linear_1 - stage_3.max_1) / stage_3.sum_1
    ELSE NULL::DOUBLE
  END, 'NaN'::DOUBLE) AS "predict_proba_it's",
  nullif(CASE
    WHEN stage_3.accepted_1 THEN exp(stage_3.linear_2 - stage_3.max_1) / stage_3.sum_1
    ELSE NULL::DOUBLE
  END, 'NaN'::DOUBLE) AS "predict_proba_b",
  nullif(CASE
    WHEN stage_3.accepted_1 THEN exp(stage_3.linear_3 - stage_3.max_1) / stage_3.sum_1
    ELSE NULL::DOUBLE
  END, 'NaN'::DOUBLE) AS "predict_proba_c",
  CASE WHEN stage_3.accepted_1 THEN stage_3.linear_1 ELSE NULL::DOUBLE END AS "decision_function_it's",
  CASE WHEN stage_3.accepted_1 THEN stage_3.linear_2 ELSE NULL::DOUBLE END AS "decision_function_b",
  CASE WHEN stage_3.accepted_1 THEN stage_3.linear_3 ELSE NULL::DOUBLE END AS "decision_function_c"
FROM (
  SELECT
    stage_2.key_0 AS key_0,
    stage_2.accepted_1 AS accepted_1,
    stage_2.linear_2 AS linear_2,
    stage_2.linear_1 AS linear_1,
    stage_2.linear_3 AS linear_3,
    stage_2.max_1 AS max_1,
    exp(stage_2.linear_1 - stage_2.max_1)
    + exp(stage_2.linear_2 - stage_2.max_1)
    + exp(stage_2.linear_3 - stage_2.max_1) AS sum_1
  FROM (
    SELECT
      stage_1.key_0 AS key_0,
      stage_1.linear_1 AS linear_1,
      stage_1.linear_2 AS linear_2,
      stage_1.linear_3 AS linear_3,
      stage_1.accepted_1 AS accepted_1,
      greatest(stage_1.linear_1, stage_1.linear_2, stage_1.linear_3) AS max_1
    FROM (
      SELECT
        input."id" AS key_0,
        input."age" BETWEEN -1e+300 AND 1e+300 AND input."Income $" BETWEEN -1e+300 AND 1e+300 AS accepted_1,
        input."age" * 0.05e0 + input."Income $" * -0.001e0 AS linear_1,
        input."age" * 0.025e0 + input."Income $" * 0.00075e0 + 1e0 AS linear_2,
        input."age" * -0.1e0 + input."Income $" * 0.0001e0 - 2e0 AS linear_3
      FROM (
        SELECT
          t."id",
          t."age"::DOUBLE AS "age",
          t."Income $"::DOUBLE AS "Income $"
        FROM "shop"."customers" AS t
      ) AS input
    ) AS stage_1
  ) AS stage_2
) AS stage_3
