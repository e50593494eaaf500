-- indb: model transformer, version 1
-- digest: sha256 bc7cc80622013e11339487f022503fd0525e41c277e757fb0ec5838e6051dc73
-- columns: age (integer), Income $ (float64)

-- transform_0, expression
float8smaller(float8larger((r."age"::float8 - 18::float8) / 72::float8, 0::float8), 1::float8)

-- transform_1, expression
-- too long to be read

-- transform_0, staged
BEGIN
  RETURN float8smaller(float8larger((r."age"::float8 - 18::float8) / 72::float8, 0::float8), 1::float8);
END

-- transform_1, staged
DECLARE
  add_1 float8;
  ln_1 float8;
  sub_1 float8;
  div_1 float8;
BEGIN
  add_1 := nullif(1::float8 + r."Income $", 'NaN'::float8);
  ln_1 := nullif(CASE
    WHEN -add_1 < -0::float8 THEN ln(add_1)
    WHEN add_1 = 0::float8 THEN '-Infinity'::float8
    ELSE NULL::float8
  END, 'NaN'::float8);
  sub_1 := nullif(add_1 - 1::float8, 'NaN'::float8);
  div_1 := nullif(CASE
    WHEN sub_1 = 0::float8 THEN CASE
      WHEN -ln_1 < -0::float8 THEN 'Infinity'::float8
      WHEN ln_1 < 0::float8 THEN '-Infinity'::float8
      ELSE NULL::float8
    END
    WHEN ln_1 = 0::float8 OR abs(ln_1) = 'Infinity'::float8 OR abs(sub_1) = 'Infinity'::float8
      THEN ln_1 / sub_1
    WHEN CASE WHEN ln_1 = 0::float8 THEN 0::float8 ELSE ln(abs(ln_1)) END
      - CASE WHEN sub_1 = 0::float8 THEN 0::float8 ELSE ln(abs(sub_1)) END BETWEEN -743::float8 AND 709.7::float8
      THEN ln_1 / sub_1
    WHEN nullif(ln_1, 'NaN'::float8) IS NOT NULL AND nullif(sub_1, 'NaN'::float8) IS NOT NULL THEN CASE
      WHEN -(CASE WHEN ln_1 = 0::float8 THEN 0::float8 ELSE ln(abs(ln_1)) END
          - CASE WHEN sub_1 = 0::float8 THEN 0::float8 ELSE ln(abs(sub_1)) END) < -709.7::float8
        THEN CASE
          WHEN CASE WHEN -ln_1 < -0::float8 THEN 1::float8 ELSE -1::float8 END = CASE WHEN -sub_1 < -0::float8 THEN 1::float8 ELSE -1::float8 END
            THEN 'Infinity'::float8
          ELSE '-Infinity'::float8
        END
      ELSE 0::float8
    END
    ELSE NULL::float8
  END, 'NaN'::float8);
  RETURN nullif(CASE
    WHEN add_1 = 1::float8 THEN r."Income $"
    WHEN r."Income $" BETWEEN -0.5::float8 AND 1.0000000000000002::float8 THEN CASE
      WHEN r."Income $" = 0::float8 OR div_1 = 0::float8 OR abs(r."Income $") = 'Infinity'::float8
        OR abs(div_1) = 'Infinity'::float8
        THEN r."Income $" * div_1
      WHEN nullif(r."Income $", 'NaN'::float8) IS NOT NULL AND nullif(div_1, 'NaN'::float8) IS NOT NULL THEN CASE
        WHEN float8smaller(nullif(float8larger(nullif(CASE
              WHEN CASE WHEN r."Income $" = 0::float8 THEN 0::float8 ELSE ln(abs(r."Income $")) END BETWEEN '-1e-323'::float8 AND '1e-323'::float8
                THEN 0::float8
              ELSE CASE WHEN r."Income $" = 0::float8 THEN 0::float8 ELSE ln(abs(r."Income $")) END * 0.25::float8
            END
          + CASE
              WHEN CASE WHEN div_1 = 0::float8 THEN 0::float8 ELSE ln(abs(div_1)) END BETWEEN '-1e-323'::float8 AND '1e-323'::float8
                THEN 0::float8
              ELSE CASE WHEN div_1 = 0::float8 THEN 0::float8 ELSE ln(abs(div_1)) END * 0.25::float8
            END, 'NaN'::float8), '-4.4942328371557893e+307'::float8), 'NaN'::float8), '4.4942328371557893e+307'::float8) * 4::float8 < -743::float8
          THEN 0::float8
        WHEN -(float8larger(nullif(abs(r."Income $"), 'NaN'::float8), 1::float8) * '7.458340731200207e-155'::float8 * (float8larger(nullif(abs(div_1), 'NaN'::float8), 1::float8) * '7.458340731200207e-155'::float8)) <= -1::float8
          THEN CASE
            WHEN CASE WHEN -r."Income $" < -0::float8 THEN 1::float8 ELSE -1::float8 END = CASE WHEN -div_1 < -0::float8 THEN 1::float8 ELSE -1::float8 END
              THEN 'Infinity'::float8
            ELSE '-Infinity'::float8
          END
        ELSE r."Income $" * div_1
      END
      ELSE NULL::float8
    END
    ELSE ln_1
  END, 'NaN'::float8);
END

-- to_sql
-- indb: scores of shop.customers
-- digest: sha256 bc7cc80622013e11339487f022503fd0525e41c277e757fb0ec5838e6051dc73
-- columns: age (number), Income $ (number)
SELECT
  input."id" AS "id",
  nullif(float8smaller(nullif(float8larger(nullif((input."age" - 18::float8) / 72::float8, 'NaN'::float8), 0::float8), 'NaN'::float8), 1::float8), 'NaN'::float8) AS "transform_0",
  nullif(CASE
    WHEN stage_1.add_1 = 1::float8 THEN input."Income $"
    WHEN input."Income $" BETWEEN -0.5::float8 AND 1.0000000000000002::float8 THEN CASE
      WHEN input."Income $" = 0::float8 OR stage_3.div_1 = 0::float8
          OR abs(input."Income $") = 'Infinity'::float8
        OR abs(stage_3.div_1) = 'Infinity'::float8
        THEN input."Income $" * stage_3.div_1
      WHEN nullif(input."Income $", 'NaN'::float8) IS NOT NULL
        AND nullif(stage_3.div_1, 'NaN'::float8) IS NOT NULL
        THEN CASE
          WHEN float8smaller(nullif(float8larger(nullif(CASE
                WHEN CASE WHEN input."Income $" = 0::float8 THEN 0::float8 ELSE ln(abs(input."Income $")) END BETWEEN '-1e-323'::float8 AND '1e-323'::float8
                  THEN 0::float8
                ELSE CASE WHEN input."Income $" = 0::float8 THEN 0::float8 ELSE ln(abs(input."Income $")) END * 0.25::float8
              END
            + CASE
                WHEN CASE WHEN stage_3.div_1 = 0::float8 THEN 0::float8 ELSE ln(abs(stage_3.div_1)) END BETWEEN '-1e-323'::float8 AND '1e-323'::float8
                  THEN 0::float8
                ELSE CASE WHEN stage_3.div_1 = 0::float8 THEN 0::float8 ELSE ln(abs(stage_3.div_1)) END * 0.25::float8
              END, 'NaN'::float8), '-4.4942328371557893e+307'::float8), 'NaN'::float8), '4.4942328371557893e+307'::float8) * 4::float8 < -743::float8
            THEN 0::float8
          WHEN -(float8larger(nullif(abs(input."Income $"), 'NaN'::float8), 1::float8) * '7.458340731200207e-155'::float8 * (float8larger(nullif(abs(stage_3.div_1), 'NaN'::float8), 1::float8) * '7.458340731200207e-155'::float8)) <= -1::float8
            THEN CASE
              WHEN CASE WHEN -input."Income $" < -0::float8 THEN 1::float8 ELSE -1::float8 END = CASE WHEN -stage_3.div_1 < -0::float8 THEN 1::float8 ELSE -1::float8 END
                THEN 'Infinity'::float8
              ELSE '-Infinity'::float8
            END
          ELSE input."Income $" * stage_3.div_1
        END
      ELSE NULL::float8
    END
    ELSE stage_2.ln_1
  END, 'NaN'::float8) AS "transform_1"
FROM (
  SELECT
    t."id",
    t."age"::float8 AS "age",
    t."Income $"::float8 AS "Income $"
  FROM "shop"."customers" AS t
) AS input
CROSS JOIN LATERAL (
  SELECT
    nullif(1::float8 + input."Income $", 'NaN'::float8) AS add_1
  OFFSET 0
) AS stage_1
CROSS JOIN LATERAL (
  SELECT
    nullif(CASE
      WHEN -stage_1.add_1 < -0::float8 THEN ln(stage_1.add_1)
      WHEN stage_1.add_1 = 0::float8 THEN '-Infinity'::float8
      ELSE NULL::float8
    END, 'NaN'::float8) AS ln_1,
    nullif(stage_1.add_1 - 1::float8, 'NaN'::float8) AS sub_1
  OFFSET 0
) AS stage_2
CROSS JOIN LATERAL (
  SELECT
    nullif(CASE
      WHEN stage_2.sub_1 = 0::float8 THEN CASE
        WHEN -stage_2.ln_1 < -0::float8 THEN 'Infinity'::float8
        WHEN stage_2.ln_1 < 0::float8 THEN '-Infinity'::float8
        ELSE NULL::float8
      END
      WHEN stage_2.ln_1 = 0::float8 OR abs(stage_2.ln_1) = 'Infinity'::float8
        OR abs(stage_2.sub_1) = 'Infinity'::float8
        THEN stage_2.ln_1 / stage_2.sub_1
      WHEN CASE WHEN stage_2.ln_1 = 0::float8 THEN 0::float8 ELSE ln(abs(stage_2.ln_1)) END
        - CASE WHEN stage_2.sub_1 = 0::float8 THEN 0::float8 ELSE ln(abs(stage_2.sub_1)) END BETWEEN -743::float8 AND 709.7::float8
        THEN stage_2.ln_1 / stage_2.sub_1
      WHEN nullif(stage_2.ln_1, 'NaN'::float8) IS NOT NULL AND nullif(stage_2.sub_1, 'NaN'::float8) IS NOT NULL THEN CASE
        WHEN -(CASE WHEN stage_2.ln_1 = 0::float8 THEN 0::float8 ELSE ln(abs(stage_2.ln_1)) END
            - CASE WHEN stage_2.sub_1 = 0::float8 THEN 0::float8 ELSE ln(abs(stage_2.sub_1)) END) < -709.7::float8
          THEN CASE
            WHEN CASE WHEN -stage_2.ln_1 < -0::float8 THEN 1::float8 ELSE -1::float8 END = CASE WHEN -stage_2.sub_1 < -0::float8 THEN 1::float8 ELSE -1::float8 END
              THEN 'Infinity'::float8
            ELSE '-Infinity'::float8
          END
        ELSE 0::float8
      END
      ELSE NULL::float8
    END, 'NaN'::float8) AS div_1
  OFFSET 0
) AS stage_3
