-- indb: model binary, version 1
-- digest: sha256 57575cfdc519dd7b47cf071dfc6e9fb6eee63e953895ecd7151024be985476a0
-- read from: class Test
-- columns: age (integer), city (text)

-- predict, expression
(CASE
  WHEN r."age" IS NOT NULL THEN CASE
    WHEN r."age"::DOUBLE / 10e0
      + CASE
          WHEN r."city" IS NULL THEN 0e0
          ELSE CASE r."city" COLLATE "C" WHEN 'Paris' THEN 1e0 WHEN 'O''Hare' THEN -2e0 ELSE 0.25e0 END
        END > 0e0
      THEN 'yes'
    ELSE 'no'
  END
END)::VARCHAR

-- predict_proba_no, expression
1e0
- 1e0 / (1e0
    + exp(-(r."age"::DOUBLE / 10e0
        + CASE
            WHEN r."city" IS NULL THEN 0e0
            ELSE CASE r."city" COLLATE "C" WHEN 'Paris' THEN 1e0 WHEN 'O''Hare' THEN -2e0 ELSE 0.25e0 END
          END)))

-- predict_proba_yes, expression
1e0 / (1e0
  + exp(-(r."age"::DOUBLE / 10e0
      + CASE
          WHEN r."city" IS NULL THEN 0e0
          ELSE CASE r."city" COLLATE "C" WHEN 'Paris' THEN 1e0 WHEN 'O''Hare' THEN -2e0 ELSE 0.25e0 END
        END)))

-- decision_function, expression
r."age"::DOUBLE / 10e0
+ CASE
    WHEN r."city" IS NULL THEN 0e0
    ELSE CASE r."city" COLLATE "C" WHEN 'Paris' THEN 1e0 WHEN 'O''Hare' THEN -2e0 ELSE 0.25e0 END
  END

-- predict, staged
(CASE
  WHEN r."age" IS NOT NULL THEN CASE
    WHEN r."age"::DOUBLE / 10e0
      + CASE
          WHEN r."city" IS NULL THEN 0e0
          ELSE CASE r."city" COLLATE "C" WHEN 'Paris' THEN 1e0 WHEN 'O''Hare' THEN -2e0 ELSE 0.25e0 END
        END > 0e0
      THEN 'yes'
    ELSE 'no'
  END
END)::VARCHAR

-- predict_proba_no, staged
1e0
- 1e0 / (1e0
    + exp(-(r."age"::DOUBLE / 10e0
        + CASE
            WHEN r."city" IS NULL THEN 0e0
            ELSE CASE r."city" COLLATE "C" WHEN 'Paris' THEN 1e0 WHEN 'O''Hare' THEN -2e0 ELSE 0.25e0 END
          END)))

-- predict_proba_yes, staged
1e0 / (1e0
  + exp(-(r."age"::DOUBLE / 10e0
      + CASE
          WHEN r."city" IS NULL THEN 0e0
          ELSE CASE r."city" COLLATE "C" WHEN 'Paris' THEN 1e0 WHEN 'O''Hare' THEN -2e0 ELSE 0.25e0 END
        END)))

-- decision_function, staged
r."age"::DOUBLE / 10e0
+ CASE
    WHEN r."city" IS NULL THEN 0e0
    ELSE CASE r."city" COLLATE "C" WHEN 'Paris' THEN 1e0 WHEN 'O''Hare' THEN -2e0 ELSE 0.25e0 END
  END

-- to_sql
-- indb: scores of shop.customers
-- digest: sha256 57575cfdc519dd7b47cf071dfc6e9fb6eee63e953895ecd7151024be985476a0
-- read from: class Test
-- columns: age (number), city (text)
SELECT
  stage_1.key_0 AS "id",
  (CASE
    WHEN stage_1."age" BETWEEN -1e+300 AND 1e+300 THEN CASE
      WHEN stage_1."age" / 10e0
        + CASE
            WHEN stage_1."city" IS NULL THEN 0e0
            ELSE CASE stage_1."city" COLLATE "C" WHEN 'Paris' THEN 1e0 WHEN 'O''Hare' THEN -2e0 ELSE 0.25e0 END
          END > 0e0
        THEN 'yes'
      ELSE 'no'
    END
  END)::VARCHAR AS "predict",
  nullif(1e0 - 1e0 / (1e0 + exp(-stage_1.add_1)), 'NaN'::DOUBLE) AS "predict_proba_no",
  nullif(1e0 / (1e0 + exp(-stage_1.add_1)), 'NaN'::DOUBLE) AS "predict_proba_yes",
  nullif(stage_1.add_1, 'NaN'::DOUBLE) AS "decision_function"
FROM (
  SELECT
    input."id" AS key_0,
    input."age" AS "age",
    input."city" AS "city",
    nullif(input."age" / 10e0
    + CASE
        WHEN input."city" IS NULL THEN 0e0
        ELSE CASE input."city" COLLATE "C" WHEN 'Paris' THEN 1e0 WHEN 'O''Hare' THEN -2e0 ELSE 0.25e0 END
      END, 'NaN'::DOUBLE) AS add_1
  FROM (
    SELECT
      t."id",
      t."age"::DOUBLE AS "age",
      t."city"::VARCHAR AS "city"
    FROM "shop"."customers" AS t
  ) AS input
) AS stage_1
