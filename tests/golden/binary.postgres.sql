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
          ELSE CASE r."city" WHEN 'Paris' THEN 1::float8 WHEN 'O''Hare' THEN -2::float8 ELSE 0.25::float8 END
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
            ELSE CASE r."city" WHEN 'Paris' THEN 1::float8 WHEN 'O''Hare' THEN -2::float8 ELSE 0.25::float8 END
          END), -745.1::float8), 709.78::float8)))

-- predict_proba_yes, expression
1::float8 / (1::float8
  + exp(float8smaller(float8larger(-(r."age"::float8 / 10::float8
      + CASE
          WHEN r."city" IS NULL THEN 0::float8
          ELSE CASE r."city" WHEN 'Paris' THEN 1::float8 WHEN 'O''Hare' THEN -2::float8 ELSE 0.25::float8 END
        END), -745.1::float8), 709.78::float8)))

-- decision_function, expression
r."age"::float8 / 10::float8
+ CASE
    WHEN r."city" IS NULL THEN 0::float8
    ELSE CASE r."city" WHEN 'Paris' THEN 1::float8 WHEN 'O''Hare' THEN -2::float8 ELSE 0.25::float8 END
  END

-- predict, staged
BEGIN
  RETURN (CASE
    WHEN r."age" IS NOT NULL THEN CASE
      WHEN r."age"::float8 / 10::float8
        + CASE
            WHEN r."city" IS NULL THEN 0::float8
            ELSE CASE r."city" WHEN 'Paris' THEN 1::float8 WHEN 'O''Hare' THEN -2::float8 ELSE 0.25::float8 END
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
        ELSE CASE r."city" WHEN 'Paris' THEN 1::float8 WHEN 'O''Hare' THEN -2::float8 ELSE 0.25::float8 END
      END);
  RETURN 1::float8
  - 1::float8 / (1::float8 + exp(float8smaller(float8larger(mul_1, -745.1::float8), 709.78::float8)));
END

-- predict_proba_yes, staged
DECLARE
  mul_1 float8;
BEGIN
  mul_1 := -(r."age"::float8 / 10::float8
    + CASE
        WHEN r."city" IS NULL THEN 0::float8
        ELSE CASE r."city" WHEN 'Paris' THEN 1::float8 WHEN 'O''Hare' THEN -2::float8 ELSE 0.25::float8 END
      END);
  RETURN 1::float8 / (1::float8 + exp(float8smaller(float8larger(mul_1, -745.1::float8), 709.78::float8)));
END

-- decision_function, staged
BEGIN
  RETURN r."age"::float8 / 10::float8
  + CASE
      WHEN r."city" IS NULL THEN 0::float8
      ELSE CASE r."city" WHEN 'Paris' THEN 1::float8 WHEN 'O''Hare' THEN -2::float8 ELSE 0.25::float8 END
    END;
END

-- to_sql
-- indb: scores of shop.customers
-- digest: sha256 57575cfdc519dd7b47cf071dfc6e9fb6eee63e953895ecd7151024be985476a0
-- read from: class Test
-- columns: age (number), city (text)
SELECT
  input."id" AS "id",
  (CASE
    WHEN input."age" BETWEEN '-1e+300'::float8 AND '1e+300'::float8 THEN CASE
      WHEN CASE
            WHEN input."age" BETWEEN '-2.5e-323'::float8 AND '2.5e-323'::float8 THEN 0::float8
            ELSE input."age" / 10::float8
          END
        + stage_1.lookup_1 > 0::float8
        THEN 'yes'
      ELSE 'no'
    END
  END)::text AS "predict",
  nullif(1::float8 - stage_4.div_1, 'NaN'::float8) AS "predict_proba_no",
  nullif(stage_4.div_1, 'NaN'::float8) AS "predict_proba_yes",
  nullif(stage_2.add_1, 'NaN'::float8) AS "decision_function"
FROM (
  SELECT
    t."id",
    t."age"::float8 AS "age",
    t."city"::text AS "city"
  FROM "shop"."customers" AS t
) AS input
CROSS JOIN LATERAL (
  SELECT
    CASE
      WHEN input."city" IS NULL THEN 0::float8
      ELSE CASE input."city" WHEN 'Paris' THEN 1::float8 WHEN 'O''Hare' THEN -2::float8 ELSE 0.25::float8 END
    END AS lookup_1
  OFFSET 0
) AS stage_1
CROSS JOIN LATERAL (
  SELECT
    nullif(CASE
        WHEN input."age" BETWEEN '-2.5e-323'::float8 AND '2.5e-323'::float8 THEN 0::float8
        ELSE input."age" / 10::float8
      END
    + stage_1.lookup_1, 'NaN'::float8) AS add_1
  OFFSET 0
) AS stage_2
CROSS JOIN LATERAL (
  SELECT
    nullif(-stage_2.add_1, 'NaN'::float8) AS mul_1
  OFFSET 0
) AS stage_3
CROSS JOIN LATERAL (
  SELECT
    nullif(1::float8 / (1::float8
      + exp(float8smaller(nullif(float8larger(nullif(stage_3.mul_1, 'NaN'::float8), -745.1::float8), 'NaN'::float8), 709.78::float8))), 'NaN'::float8) AS div_1
  OFFSET 0
) AS stage_4
