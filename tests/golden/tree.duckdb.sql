-- indb: model tree, version 1
-- digest: sha256 124a44c8e994bcb87d39582fd9d30a4c4d8b3faf4e8e52733bc08444718e9846
-- read from: class DecisionTreeRegressor
-- columns: age (integer), city (text)

-- predict, expression
CASE
  WHEN r."age" > 30 THEN 3e0
  WHEN r."city" COLLATE "C" IN ('Paris', 'O''Hare') THEN 1e0
  ELSE 2.5e0
END

-- predict, staged
CASE
  WHEN r."age" > 30 THEN 3e0
  WHEN r."city" COLLATE "C" IN ('Paris', 'O''Hare') THEN 1e0
  ELSE 2.5e0
END

-- to_sql
-- indb: scores of shop.customers
-- digest: sha256 124a44c8e994bcb87d39582fd9d30a4c4d8b3faf4e8e52733bc08444718e9846
-- read from: class DecisionTreeRegressor
-- columns: age (number), city (text)
SELECT
  input."id" AS "id",
  CASE
    WHEN -input."age" < -30.5e0 THEN 3e0
    WHEN input."city" COLLATE "C" IN ('Paris', 'O''Hare') THEN 1e0
    ELSE 2.5e0
  END AS "predict"
FROM (
  SELECT
    t."id",
    t."age"::DOUBLE AS "age",
    t."city"::VARCHAR AS "city"
  FROM "shop"."customers" AS t
) AS input
