-- indb: model coded, version 1
-- digest: sha256 56b08773432fd6df91fc00b6eb5686beced0ee7f0018bc149d95940bc87dc47b
-- read from: class DecisionTreeRegressor
-- columns: city (text)

-- predict, expression
CASE
  WHEN r."city" COLLATE "C" IN ('Paris', 'Rome
')
    THEN CASE WHEN r."city" COLLATE "C" = 'Rome
' THEN 30e0 ELSE 20e0 END
  ELSE 10e0
END

-- predict, staged
CASE
  WHEN r."city" COLLATE "C" IN ('Paris', 'Rome
')
    THEN CASE WHEN r."city" COLLATE "C" = 'Rome
' THEN 30e0 ELSE 20e0 END
  ELSE 10e0
END

-- to_sql
-- indb: scores of shop.customers
-- digest: sha256 56b08773432fd6df91fc00b6eb5686beced0ee7f0018bc149d95940bc87dc47b
-- read from: class DecisionTreeRegressor
-- columns: city (text)
SELECT
  input."id" AS "id",
  CASE
    WHEN input."city" COLLATE "C" IN ('Paris', 'Rome
')
      THEN CASE WHEN input."city" COLLATE "C" = 'Rome
' THEN 30e0 ELSE 20e0 END
    ELSE 10e0
  END AS "predict"
FROM (
  SELECT
    t."id",
    t."city"::VARCHAR AS "city"
  FROM "shop"."customers" AS t
) AS input
