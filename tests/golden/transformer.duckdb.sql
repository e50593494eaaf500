-- indb: model transformer, version 1
-- digest: sha256 bc7cc80622013e11339487f022503fd0525e41c277e757fb0ec5838e6051dc73
-- columns: age (integer), Income $ (float64)

-- transform_0, expression
CASE
  WHEN CASE WHEN (r."age"::DOUBLE - 18e0) / 72e0 < 0e0 THEN 0e0 ELSE (r."age"::DOUBLE - 18e0) / 72e0 END > 1e0
    THEN 1e0
  ELSE CASE WHEN (r."age"::DOUBLE - 18e0) / 72e0 < 0e0 THEN 0e0 ELSE (r."age"::DOUBLE - 18e0) / 72e0 END
END

-- transform_1, expression
nullif(CASE
  WHEN 1e0 + r."Income $" = 1e0 THEN r."Income $"
  WHEN r."Income $" BETWEEN -0.5e0 AND 1.0000000000000002e0
    THEN r."Income $" * (ln(1e0 + r."Income $") / (1e0 + r."Income $" - 1e0))
  ELSE ln(1e0 + r."Income $")
END, 'NaN'::DOUBLE)

-- transform_0, staged
CASE
  WHEN CASE WHEN (r."age"::DOUBLE - 18e0) / 72e0 < 0e0 THEN 0e0 ELSE (r."age"::DOUBLE - 18e0) / 72e0 END > 1e0
    THEN 1e0
  ELSE CASE WHEN (r."age"::DOUBLE - 18e0) / 72e0 < 0e0 THEN 0e0 ELSE (r."age"::DOUBLE - 18e0) / 72e0 END
END

-- transform_1, staged
nullif(CASE
  WHEN 1e0 + r."Income $" = 1e0 THEN r."Income $"
  WHEN r."Income $" BETWEEN -0.5e0 AND 1.0000000000000002e0
    THEN r."Income $" * (ln(1e0 + r."Income $") / (1e0 + r."Income $" - 1e0))
  ELSE ln(1e0 + r."Income $")
END, 'NaN'::DOUBLE)

-- to_sql
-- indb: scores of shop.customers
-- digest: sha256 bc7cc80622013e11339487f022503fd0525e41c277e757fb0ec5838e6051dc73
-- columns: age (number), Income $ (number)
SELECT
  input."id" AS "id",
  nullif(CASE
    WHEN nullif(CASE
        WHEN nullif((input."age" - 18e0) / 72e0, 'NaN'::DOUBLE) < 0e0 THEN 0e0
        ELSE (input."age" - 18e0) / 72e0
      END, 'NaN'::DOUBLE) > 1e0
      THEN 1e0
    ELSE CASE
      WHEN nullif((input."age" - 18e0) / 72e0, 'NaN'::DOUBLE) < 0e0 THEN 0e0
      ELSE (input."age" - 18e0) / 72e0
    END
  END, 'NaN'::DOUBLE) AS "transform_0",
  nullif(CASE
    WHEN 1e0 + input."Income $" = 1e0 THEN input."Income $"
    WHEN input."Income $" BETWEEN -0.5e0 AND 1.0000000000000002e0
      THEN input."Income $" * (ln(1e0 + input."Income $") / (1e0 + input."Income $" - 1e0))
    ELSE ln(1e0 + input."Income $")
  END, 'NaN'::DOUBLE) AS "transform_1"
FROM (
  SELECT
    t."id",
    t."age"::DOUBLE AS "age",
    t."Income $"::DOUBLE AS "Income $"
  FROM "shop"."customers" AS t
) AS input
