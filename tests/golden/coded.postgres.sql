-- indb: model coded, version 1
-- digest: sha256 56b08773432fd6df91fc00b6eb5686beced0ee7f0018bc149d95940bc87dc47b
-- read from: class DecisionTreeRegressor
-- columns: city (text)

-- predict, expression
CASE
  WHEN r."city" COLLATE "C" IN ('Paris', 'Rome
')
    THEN CASE WHEN r."city" COLLATE "C" = 'Rome
' THEN 30::float8 ELSE 20::float8 END
  ELSE 10::float8
END

-- predict, staged
BEGIN
  RETURN CASE
    WHEN r."city" COLLATE "C" IN ('Paris', 'Rome
')
      THEN CASE WHEN r."city" COLLATE "C" = 'Rome
' THEN 30::float8 ELSE 20::float8 END
    ELSE 10::float8
  END;
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
' THEN 30::float8 ELSE 20::float8 END
    ELSE 10::float8
  END AS "predict"
FROM (
  SELECT
    t."id",
    t."city"::text AS "city"
  FROM "shop"."customers" AS t
) AS input
