-- indb: model linear, version 1
-- digest: sha256 5d2111c1b0aa732b3d13e05ac9c989d5d8675b50372c82058ae74aec8ba02ebe
-- read from: class Ridge
-- columns: age (integer), Income $ (float64), city (text)

-- predict, expression
CASE
  WHEN r."Income $" BETWEEN -1e+308 AND 1e+308 THEN coalesce(r."age"::DOUBLE, 37e0) * 0.12244897959183673e0
  + r."Income $" * -0.000625e0
  + 5.879464285714286e0
  + CASE r."city" COLLATE "C" WHEN 'Paris' THEN 2e0 WHEN 'Rome
' THEN -1e0 ELSE 0e0 END
  ELSE NULL::DOUBLE
END

-- predict, staged
CASE
  WHEN r."Income $" BETWEEN -1e+308 AND 1e+308 THEN coalesce(r."age"::DOUBLE, 37e0) * 0.12244897959183673e0
  + r."Income $" * -0.000625e0
  + 5.879464285714286e0
  + CASE r."city" COLLATE "C" WHEN 'Paris' THEN 2e0 WHEN 'Rome
' THEN -1e0 ELSE 0e0 END
  ELSE NULL::DOUBLE
END

-- to_sql
-- indb: scores of shop.customers
-- digest: sha256 5d2111c1b0aa732b3d13e05ac9c989d5d8675b50372c82058ae74aec8ba02ebe
-- read from: class Ridge
-- columns: age (number), Income $ (number), city (text)
SELECT
  input."id" AS "id",
  CASE
    WHEN least(0e0, -abs(input."age")) >= -1e+308 AND input."Income $" BETWEEN -1e+308 AND 1e+308 THEN coalesce(nullif(input."age", 'NaN'::DOUBLE), 37e0) * 0.12244897959183673e0
    + input."Income $" * -0.000625e0
    + 5.879464285714286e0
    + CASE input."city" COLLATE "C" WHEN 'Paris' THEN 2e0 WHEN 'Rome
' THEN -1e0 ELSE 0e0 END
    ELSE NULL::DOUBLE
  END AS "predict"
FROM (
  SELECT
    t."id",
    t."age"::DOUBLE AS "age",
    t."Income $"::DOUBLE AS "Income $",
    t."city"::VARCHAR AS "city"
  FROM "shop"."customers" AS t
) AS input
