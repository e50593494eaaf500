-- indb: model several, version 1
-- digest: sha256 fcf920a3fd7c171fc5bc9055e45884af540d727035058058707a70612f3d7d50
-- columns: age (integer), dist (float64)

-- predict_up, expression
r."age"::DOUBLE + 1e0

-- predict_it's, expression
(CASE WHEN -r."dist" < -0e0 THEN 1e0 ELSE 0e0 END) = 1e0

-- predict_proba_it's_false, expression
nullif(1e0 - 1e0 / (1e0 + exp(-r."dist")), 'NaN'::DOUBLE)

-- predict_proba_it's_true, expression
nullif(1e0 / (1e0 + exp(-r."dist")), 'NaN'::DOUBLE)

-- predict_up, staged
r."age"::DOUBLE + 1e0

-- predict_it's, staged
(CASE WHEN -r."dist" < -0e0 THEN 1e0 ELSE 0e0 END) = 1e0

-- predict_proba_it's_false, staged
nullif(1e0 - 1e0 / (1e0 + exp(-r."dist")), 'NaN'::DOUBLE)

-- predict_proba_it's_true, staged
nullif(1e0 / (1e0 + exp(-r."dist")), 'NaN'::DOUBLE)

-- to_sql
-- indb: scores of shop.customers
-- digest: sha256 fcf920a3fd7c171fc5bc9055e45884af540d727035058058707a70612f3d7d50
-- columns: age (number), dist (number)
SELECT
  input."id" AS "id",
  nullif(input."age" + 1e0, 'NaN'::DOUBLE) AS "predict_up",
  (CASE WHEN -input."dist" < -0e0 THEN 1e0 ELSE 0e0 END) = 1e0 AS "predict_it's",
  nullif(1e0 - 1e0 / (1e0 + exp(-input."dist")), 'NaN'::DOUBLE) AS "predict_proba_it's_false",
  nullif(1e0 / (1e0 + exp(-input."dist")), 'NaN'::DOUBLE) AS "predict_proba_it's_true"
FROM (
  SELECT
    t."id",
    t."age"::DOUBLE AS "age",
    t."dist"::DOUBLE AS "dist"
  FROM "shop"."customers" AS t
) AS input
