-- indb: model several, version 1
-- digest: sha256 fcf920a3fd7c171fc5bc9055e45884af540d727035058058707a70612f3d7d50
-- columns: age (integer), dist (float64)

-- predict_up, expression
r."age"::float8 + 1::float8

-- predict_it's, expression
(CASE WHEN -r."dist" < -0::float8 THEN 1::float8 ELSE 0::float8 END) = 1::float8

-- predict_proba_it's_false, expression
nullif(1::float8
- 1::float8 / (1::float8
    + exp(float8smaller(nullif(float8larger(nullif(-r."dist", 'NaN'::float8), -745.1::float8), 'NaN'::float8), 709.782712893384::float8))), 'NaN'::float8)

-- predict_proba_it's_true, expression
nullif(1::float8 / (1::float8
  + exp(float8smaller(nullif(float8larger(nullif(-r."dist", 'NaN'::float8), -745.1::float8), 'NaN'::float8), 709.782712893384::float8))), 'NaN'::float8)

-- predict_up, staged
BEGIN
  RETURN r."age"::float8 + 1::float8;
END

-- predict_it's, staged
BEGIN
  RETURN (CASE WHEN -r."dist" < -0::float8 THEN 1::float8 ELSE 0::float8 END) = 1::float8;
END

-- predict_proba_it's_false, staged
BEGIN
  RETURN nullif(1::float8
  - 1::float8 / (1::float8
      + exp(float8smaller(nullif(float8larger(nullif(-r."dist", 'NaN'::float8), -745.1::float8), 'NaN'::float8), 709.782712893384::float8))), 'NaN'::float8);
END

-- predict_proba_it's_true, staged
BEGIN
  RETURN nullif(1::float8 / (1::float8
    + exp(float8smaller(nullif(float8larger(nullif(-r."dist", 'NaN'::float8), -745.1::float8), 'NaN'::float8), 709.782712893384::float8))), 'NaN'::float8);
END

-- to_sql
-- indb: scores of shop.customers
-- digest: sha256 fcf920a3fd7c171fc5bc9055e45884af540d727035058058707a70612f3d7d50
-- columns: age (number), dist (number)
SELECT
  stage_1.key_0 AS "id",
  nullif(stage_1."age" + 1::float8, 'NaN'::float8) AS "predict_up",
  (CASE WHEN -stage_1."dist" < -0::float8 THEN 1::float8 ELSE 0::float8 END) = 1::float8 AS "predict_it's",
  nullif(1::float8 - stage_1.div_1, 'NaN'::float8) AS "predict_proba_it's_false",
  nullif(stage_1.div_1, 'NaN'::float8) AS "predict_proba_it's_true"
FROM (
  SELECT
    input."id" AS key_0,
    input."age" AS "age",
    input."dist" AS "dist",
    nullif(1::float8 / (1::float8
      + exp(float8smaller(nullif(float8larger(nullif(-input."dist", 'NaN'::float8), -745.1::float8), 'NaN'::float8), 709.782712893384::float8))), 'NaN'::float8) AS div_1
  FROM (
    SELECT
      t."id",
      t."age"::float8 AS "age",
      t."dist"::float8 AS "dist"
    FROM "shop"."customers" AS t
  ) AS input
  OFFSET 0
) AS stage_1
