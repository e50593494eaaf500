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
list_transform([struct_pack(
    div_1 := (r."age"::DOUBLE - 18e0) / 72e0
  )], lambda _s0:
list_transform([struct_pack(
    max_1 := CASE WHEN _s0.div_1 < 0e0 THEN 0e0 ELSE _s0.div_1 END
  )], lambda _s1:
  CASE WHEN _s1.max_1 > 1e0 THEN 1e0 ELSE _s1.max_1 END
)[1])[1]

-- transform_1, staged
list_transform([struct_pack(
    ln_1 := nullif(ln(1e0 + r."Income $"), 'NaN'::DOUBLE)
  )], lambda _s0:
  nullif(CASE
    WHEN 1e0 + r."Income $" = 1e0 THEN r."Income $"
    WHEN r."Income $" BETWEEN -0.5e0 AND 1.0000000000000002e0
      THEN r."Income $" * (_s0.ln_1 / (1e0 + r."Income $" - 1e0))
    ELSE _s0.ln_1
  END, 'NaN'::DOUBLE)
)[1]

-- to_sql
-- indb: scores of shop.customers
-- digest: sha256 bc7cc80622013e11339487f022503fd0525e41c277e757fb0ec5838e6051dc73
-- columns: age (number), Income $ (number)
SELECT
  stage_2.key_0 AS "id",
  nullif(CASE WHEN nullif(stage_2.max_1, 'NaN'::DOUBLE) > 1e0 THEN 1e0 ELSE stage_2.max_1 END, 'NaN'::DOUBLE) AS "transform_0",
  nullif(CASE
    WHEN 1e0 + stage_2."Income $" = 1e0 THEN stage_2."Income $"
    WHEN stage_2."Income $" BETWEEN -0.5e0 AND 1.0000000000000002e0
      THEN stage_2."Income $" * (stage_2.ln_1 / (1e0 + stage_2."Income $" - 1e0))
    ELSE stage_2.ln_1
  END, 'NaN'::DOUBLE) AS "transform_1"
FROM (
  SELECT
    stage_1.key_0 AS key_0,
    stage_1."Income $" AS "Income $",
    stage_1.div_1 AS div_1,
    stage_1.ln_1 AS ln_1,
    nullif(CASE WHEN nullif(stage_1.div_1, 'NaN'::DOUBLE) < 0e0 THEN 0e0 ELSE stage_1.div_1 END, 'NaN'::DOUBLE) AS max_1
  FROM (
    SELECT
      input."id" AS key_0,
      input."Income $" AS "Income $",
      nullif((input."age" - 18e0) / 72e0, 'NaN'::DOUBLE) AS div_1,
      nullif(ln(1e0 + input."Income $"), 'NaN'::DOUBLE) AS ln_1
    FROM (
      SELECT
        t."id",
        t."age"::DOUBLE AS "age",
        t."Income $"::DOUBLE AS "Income $"
      FROM "shop"."customers" AS t
    ) AS input
  ) AS stage_1
) AS stage_2
