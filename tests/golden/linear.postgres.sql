-- indb: model linear, version 1
-- digest: sha256 5d2111c1b0aa732b3d13e05ac9c989d5d8675b50372c82058ae74aec8ba02ebe
-- read from: class Ridge
-- columns: age (integer), Income $ (float64), city (text)

-- predict, expression
CASE
  WHEN r."Income $" BETWEEN '-1e+308'::float8 AND '1e+308'::float8 THEN coalesce(r."age"::float8, 37::float8) * 0.12244897959183673::float8
  + CASE
      WHEN r."Income $" BETWEEN '-3.95e-321'::float8 AND '3.95e-321'::float8 THEN 0::float8
      ELSE r."Income $" * -0.000625::float8
    END
  + 5.879464285714286::float8
  + CASE r."city" COLLATE "C"
      WHEN 'Paris' THEN 2::float8
      WHEN 'Rome
' THEN -1::float8
      ELSE 0::float8
    END
  ELSE NULL::float8
END

-- predict, staged
BEGIN
  RETURN CASE
    WHEN r."Income $" BETWEEN '-1e+308'::float8 AND '1e+308'::float8 THEN coalesce(r."age"::float8, 37::float8) * 0.12244897959183673::float8
    + CASE
        WHEN r."Income $" BETWEEN '-3.95e-321'::float8 AND '3.95e-321'::float8 THEN 0::float8
        ELSE r."Income $" * -0.000625::float8
      END
    + 5.879464285714286::float8
    + CASE r."city" COLLATE "C"
        WHEN 'Paris' THEN 2::float8
        WHEN 'Rome
' THEN -1::float8
        ELSE 0::float8
      END
    ELSE NULL::float8
  END;
END

-- to_sql
-- indb: scores of shop.customers
-- digest: sha256 5d2111c1b0aa732b3d13e05ac9c989d5d8675b50372c82058ae74aec8ba02ebe
-- read from: class Ridge
-- columns: age (number), Income $ (number), city (text)
SELECT
  input."id" AS "id",
  CASE
    WHEN least(0::float8, -abs(input."age")) >= '-1e+308'::float8
      AND input."Income $" BETWEEN '-1e+308'::float8 AND '1e+308'::float8
      THEN CASE
          WHEN input."age" BETWEEN '-2e-323'::float8 AND '2e-323'::float8 THEN 0::float8
          ELSE coalesce(nullif(input."age", 'NaN'::float8), 37::float8) * 0.12244897959183673::float8
        END
      + CASE
          WHEN input."Income $" BETWEEN '-3.95e-321'::float8 AND '3.95e-321'::float8 THEN 0::float8
          ELSE input."Income $" * -0.000625::float8
        END
      + 5.879464285714286::float8
      + CASE input."city" COLLATE "C"
          WHEN 'Paris' THEN 2::float8
          WHEN 'Rome
' THEN -1::float8
          ELSE 0::float8
        END
    ELSE NULL::float8
  END AS "predict"
FROM (
  SELECT
    t."id",
    t."age"::float8 AS "age",
    t."Income $"::float8 AS "Income $",
    t."city"::text AS "city"
  FROM "shop"."customers" AS t
) AS input
