-- indb: model binary, version 1
-- digest: sha256 57575cfdc519dd7b47cf071dfc6e9fb6eee63e953895ecd7151024be985476a0
-- read from: class Test
-- columns: age (integer), city (text)

-- predict, expression
(CASE
  WHEN r."age" IS NOT NULL THEN CASE
    WHEN r."age"::float8 / 10::float8
      + CASE
          WHEN r."city" IS NULL THEN 0::float8
          ELSE CASE r."city" COLLATE "C"
            WHEN 'Paris' THEN 1::float8
            WHEN 'O''Hare' THEN -2::float8
            ELSE 0.25::float8
          END
        END > 0::float8
      THEN 'yes'
    ELSE 'no'
  END
END)::text

-- predict_proba_no, expression
1::float8
- 1::float8 / (1::float8
    + exp(float8smaller(float8larger(-(r."age"::float8 / 10::float8
        + CASE
            WHEN r."city" IS NULL THEN 0::float8
            ELSE CASE r."city" COLLATE "C"
              WHEN 'Paris' THEN 1::float8
              WHEN 'O''Hare' THEN -2::float8
              ELSE 0.25::float8
            END
          END), -745.1::float8), 709.782712893384::float8)))

-- predict_proba_yes, expression
1::float8 / (1::float8
  + exp(float8smaller(float8larger(-(r."age"::float8 / 10::float8
      + CASE
          WHEN r."city" IS NULL THEN 0::float8
          ELSE CASE r."city" COLLATE "C"
            WHEN 'Paris' THEN 1::float8
            WHEN 'O''Hare' THEN -2::float8
            ELSE 0.25::float8
          END
        END), -745.1::float8), 709.782712893384::float8)))

-- decision_function, expression
r."age"::float8 / 10::float8
+ CASE
    WHEN r."city" IS NULL THEN 0::float8
    ELSE CASE r."city" COLLATE "C"
      WHEN 'Paris' THEN 1::float8
      WHEN 'O''Hare' THEN -2::float8
      ELSE 0.25::float8
    END
  END

-- predict, staged
BEGIN
  RETURN (CASE
    WHEN r."age" IS NOT NULL THEN CASE
      WHEN r."age"::float8 / 10::float8
        + CASE
            WHEN r."city" IS NULL THEN 0::float8
            ELSE CASE r."city" COLLATE "C"
              WHEN 'Paris' THEN 1::float8
              WHEN 'O''Hare' THEN -2::float8
              ELSE 0.25::float8
            END
          END > 0::float8
        THEN 'yes'
      ELSE 'no'
    END
  END)::text;
END

-- predict_proba_no, staged
DECLARE
  mul_1 float8;
BEGIN
  mul_1 := -(r."age"::float8 / 10::float8
    + CASE
        WHEN r."city" IS NULL THEN 0::float8
        ELSE CASE r."city" COLLATE "C"
          WHEN 'Paris' THEN 1::float8
          WHEN 'O''Hare' THEN -2::float8
          ELSE 0.25::float8
        END
      END);
  RETURN 1::float8
  - 1::float8 / (1::float8 + exp(float8smaller(float8larger(mul_1, -745.1::float8), 709.782712893384::float8)));
END

-- predict_proba_yes, staged
DECLARE
  mul_1 float8;
BEGIN
  mul_1 := -(r."age"::float8 / 10::float8
    + CASE
        WHEN r."city" IS NULL THEN 0::float8
        ELSE CASE r."city" COLLATE "C"
          WHEN 'Paris' THEN 1::float8
          WHEN 'O''Hare' THEN -2::float8
          ELSE 0.25::float8
        END
      END);
  RETURN 1::float8 / (1::float8 + exp(float8smaller(float8larger(mul_1, -745.1::float8), 709.782712893384::float8)));
END

-- decision_function, staged
BEGIN
  RETURN r."age"::float8 / 10::float8
  + CASE
      WHEN r."city" IS NULL THEN 0::float8
      ELSE CASE r."city" COLLATE "C"
        WHEN 'Paris' THEN 1::float8
        WHEN 'O''Hare' THEN -2::float8
        ELSE 0.25::float8
      END
    END;
END

-- to_sql
-- indb: scores of shop.customers
-- digest: sha256 57575cfdc519dd7b47cf071dfc6e9fb6eee63e953895ecd7151024be985476a0
-- read from: class Test
-- columns: age (number), city (text)
SELECT
  stage_2.key_0 AS "id",
  (CASE
    WHEN stage_2."age" BETWEEN '-1e+300'::float8 AND '1e+300'::float8 THEN CASE
      WHEN CASE
            WHEN stage_2."age" BETWEEN '-2.5e-323'::float8 AND '2.5e-323'::float8 THEN 0::float8
            ELSE stage_2."age" / 10::float8
          END
        + CASE
            WHEN stage_2."city" IS NULL THEN 0::float8
            ELSE CASE stage_2."city" COLLATE "C"
              WHEN 'Paris' THEN 1::float8
              WHEN 'O''Hare' THEN -2::float8
              ELSE 0.25::float8
            END
          END > 0::float8
        THEN 'yes'
      ELSE 'no'
    END
  END)::text AS "predict",
  nullif(1::float8 - stage_2.div_1, 'NaN'::float8) AS "predict_proba_no",
  nullif(stage_2.div_1, 'NaN'::float8) AS "predict_proba_yes",
  nullif(stage_2.add_1, 'NaN'::float8) AS "decision_function"
FROM (
  SELECT
    stage_1.key_0 AS key_0,
    stage_1."age" AS "age",
    stage_1."city" AS "city",
    stage_1.add_1 AS add_1,
    nullif(1::float8 / (1::float8
      + exp(float8smaller(nullif(float8larger(nullif(-stage_1.add_1, 'NaN'::float8), -745.1::float8), 'NaN'::float8), 709.782712893384::float8))), 'NaN'::float8) AS div_1
  FROM (
    SELECT
      input."id" AS key_0,
      input."age" AS "age",
      input."city" AS "city",
      nullif(CASE
          WHEN input."age" BETWEEN '-2.5e-323'::float8 AND '2.5e-323'::float8 THEN 0::float8
          ELSE input."age" / 10::float8
        END
      + CASE
          WHEN input."city" IS NULL THEN 0::float8
          ELSE CASE input."city" COLLATE "C"
            WHEN 'Paris' THEN 1::float8
            WHEN 'O''Hare' THEN -2::float8
            ELSE 0.25::float8
          END
        END, 'NaN'::float8) AS add_1
    FROM (
      SELECT
        t."id",
        t."age"::float8 AS "age",
        t."city"::text AS "city"
      FROM "shop"."customers" AS t
    ) AS input
    OFFSET 0
  ) AS stage_1
  OFFSET 0
) AS stage_2
