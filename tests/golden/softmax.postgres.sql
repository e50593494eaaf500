-- indb: model softmax, version 1
-- digest: sha256 4cb7ba181a2f7b635b7057b0290ee22715651054c138833986634d672988b63b
-- read from: class LogisticRegression
-- columns: age (integer), Income $ (float64)

-- predict, expression
(CASE
  WHEN r."age" IS NOT NULL AND r."Income $" BETWEEN '-1e+300'::float8 AND '1e+300'::float8 THEN CASE
    WHEN r."age"::float8 * 0.025::float8
        + CASE
            WHEN r."Income $" BETWEEN '-3.29e-321'::float8 AND '3.29e-321'::float8 THEN 0::float8
            ELSE r."Income $" * 0.00075::float8
          END
        + 1::float8 <= r."age"::float8 * 0.05::float8
        + CASE
            WHEN r."Income $" BETWEEN '-2.465e-321'::float8 AND '2.465e-321'::float8 THEN 0::float8
            ELSE r."Income $" * -0.001::float8
          END
      AND r."age"::float8 * -0.1::float8
        + CASE
            WHEN r."Income $" BETWEEN '-2.47e-320'::float8 AND '2.47e-320'::float8 THEN 0::float8
            ELSE r."Income $" * 0.0001::float8
          END
        - 2::float8 <= r."age"::float8 * 0.05::float8
        + CASE
            WHEN r."Income $" BETWEEN '-2.465e-321'::float8 AND '2.465e-321'::float8 THEN 0::float8
            ELSE r."Income $" * -0.001::float8
          END
      THEN 'it''s'
    WHEN r."age"::float8 * -0.1::float8
      + CASE
          WHEN r."Income $" BETWEEN '-2.47e-320'::float8 AND '2.47e-320'::float8 THEN 0::float8
          ELSE r."Income $" * 0.0001::float8
        END
      - 2::float8 <= r."age"::float8 * 0.025::float8
      + CASE
          WHEN r."Income $" BETWEEN '-3.29e-321'::float8 AND '3.29e-321'::float8 THEN 0::float8
          ELSE r."Income $" * 0.00075::float8
        END
      + 1::float8
      THEN 'b'
    ELSE 'c'
  END
END)::text

-- predict_proba_it's, expression
-- too long to be read

-- predict_proba_b, expression
-- too long to be read

-- predict_proba_c, expression
-- too long to be read

-- decision_function_it's, expression
CASE
  WHEN r."age" IS NOT NULL AND r."Income $" BETWEEN '-1e+300'::float8 AND '1e+300'::float8 THEN r."age"::float8 * 0.05::float8
  + CASE
      WHEN r."Income $" BETWEEN '-2.465e-321'::float8 AND '2.465e-321'::float8 THEN 0::float8
      ELSE r."Income $" * -0.001::float8
    END
  ELSE NULL::float8
END

-- decision_function_b, expression
CASE
  WHEN r."age" IS NOT NULL AND r."Income $" BETWEEN '-1e+300'::float8 AND '1e+300'::float8 THEN r."age"::float8 * 0.025::float8
  + CASE
      WHEN r."Income $" BETWEEN '-3.29e-321'::float8 AND '3.29e-321'::float8 THEN 0::float8
      ELSE r."Income $" * 0.00075::float8
    END
  + 1::float8
  ELSE NULL::float8
END

-- decision_function_c, expression
CASE
  WHEN r."age" IS NOT NULL AND r."Income $" BETWEEN '-1e+300'::float8 AND '1e+300'::float8 THEN r."age"::float8 * -0.1::float8
  + CASE
      WHEN r."Income $" BETWEEN '-2.47e-320'::float8 AND '2.47e-320'::float8 THEN 0::float8
      ELSE r."Income $" * 0.0001::float8
    END
  - 2::float8
  ELSE NULL::float8
END

-- predict, staged
DECLARE
  linear_1 float8;
  linear_2 float8;
  linear_3 float8;
BEGIN
  linear_1 := r."age"::float8 * 0.05::float8
  + CASE
      WHEN r."Income $" BETWEEN '-2.465e-321'::float8 AND '2.465e-321'::float8 THEN 0::float8
      ELSE r."Income $" * -0.001::float8
    END;
  linear_2 := r."age"::float8 * 0.025::float8
  + CASE
      WHEN r."Income $" BETWEEN '-3.29e-321'::float8 AND '3.29e-321'::float8 THEN 0::float8
      ELSE r."Income $" * 0.00075::float8
    END
  + 1::float8;
  linear_3 := r."age"::float8 * -0.1::float8
  + CASE
      WHEN r."Income $" BETWEEN '-2.47e-320'::float8 AND '2.47e-320'::float8 THEN 0::float8
      ELSE r."Income $" * 0.0001::float8
    END
  - 2::float8;
  RETURN (CASE
    WHEN r."age" IS NOT NULL AND r."Income $" BETWEEN '-1e+300'::float8 AND '1e+300'::float8 THEN CASE
      WHEN linear_2 <= linear_1 AND linear_3 <= linear_1 THEN 'it''s'
      WHEN linear_3 <= linear_2 THEN 'b'
      ELSE 'c'
    END
  END)::text;
END

-- predict_proba_it's, staged
DECLARE
  linear_1 float8;
  linear_2 float8;
  linear_3 float8;
  max_1 float8;
  exp_1 float8;
  sum_1 float8;
BEGIN
  linear_1 := r."age"::float8 * 0.05::float8
  + CASE
      WHEN r."Income $" BETWEEN '-2.465e-321'::float8 AND '2.465e-321'::float8 THEN 0::float8
      ELSE r."Income $" * -0.001::float8
    END;
  linear_2 := r."age"::float8 * 0.025::float8
  + CASE
      WHEN r."Income $" BETWEEN '-3.29e-321'::float8 AND '3.29e-321'::float8 THEN 0::float8
      ELSE r."Income $" * 0.00075::float8
    END
  + 1::float8;
  linear_3 := r."age"::float8 * -0.1::float8
  + CASE
      WHEN r."Income $" BETWEEN '-2.47e-320'::float8 AND '2.47e-320'::float8 THEN 0::float8
      ELSE r."Income $" * 0.0001::float8
    END
  - 2::float8;
  max_1 := float8larger(float8larger(linear_1, linear_2), linear_3);
  exp_1 := exp(float8smaller(float8larger(linear_1 - max_1, -745.1::float8), 709.782712893384::float8));
  sum_1 := float8smaller(CASE
      WHEN exp_1 BETWEEN '-2e-323'::float8 AND '2e-323'::float8 THEN 0::float8
      ELSE exp_1 * 0.125::float8
    END
  + CASE
      WHEN exp(float8smaller(float8larger(linear_2 - max_1, -745.1::float8), 709.782712893384::float8)) BETWEEN '-2e-323'::float8 AND '2e-323'::float8
        THEN 0::float8
      ELSE exp(float8smaller(float8larger(linear_2 - max_1, -745.1::float8), 709.782712893384::float8)) * 0.125::float8
    END
  + CASE
      WHEN exp(float8smaller(float8larger(linear_3 - max_1, -745.1::float8), 709.782712893384::float8)) BETWEEN '-2e-323'::float8 AND '2e-323'::float8
        THEN 0::float8
      ELSE exp(float8smaller(float8larger(linear_3 - max_1, -745.1::float8), 709.782712893384::float8)) * 0.125::float8
    END, '2.2471164185778946e+307'::float8) * 8::float8;
  RETURN CASE
    WHEN r."age" IS NOT NULL AND r."Income $" BETWEEN '-1e+300'::float8 AND '1e+300'::float8 THEN CASE
      WHEN sum_1 = 0::float8 THEN CASE
        WHEN exp_1 > 0::float8 THEN 'Infinity'::float8
        WHEN exp_1 < 0::float8 THEN '-Infinity'::float8
        ELSE NULL::float8
      END
      WHEN exp_1 = 0::float8 OR abs(exp_1) = 'Infinity'::float8 THEN exp_1 / sum_1
      WHEN CASE WHEN exp_1 = 0::float8 THEN 0::float8 ELSE ln(abs(exp_1)) END
        - CASE WHEN sum_1 = 0::float8 THEN 0::float8 ELSE ln(abs(sum_1)) END BETWEEN -743::float8 AND 709.7::float8
        THEN exp_1 / sum_1
      WHEN CASE WHEN exp_1 = 0::float8 THEN 0::float8 ELSE ln(abs(exp_1)) END
        - CASE WHEN sum_1 = 0::float8 THEN 0::float8 ELSE ln(abs(sum_1)) END > 709.7::float8
        THEN CASE
          WHEN CASE WHEN exp_1 > 0::float8 THEN 1::float8 ELSE -1::float8 END = CASE WHEN sum_1 > 0::float8 THEN 1::float8 ELSE -1::float8 END
            THEN 'Infinity'::float8
          ELSE '-Infinity'::float8
        END
      ELSE 0::float8
    END
    ELSE NULL::float8
  END;
END

-- predict_proba_b, staged
DECLARE
  linear_1 float8;
  linear_2 float8;
  linear_3 float8;
  max_1 float8;
  exp_1 float8;
  sum_1 float8;
BEGIN
  linear_1 := r."age"::float8 * 0.025::float8
  + CASE
      WHEN r."Income $" BETWEEN '-3.29e-321'::float8 AND '3.29e-321'::float8 THEN 0::float8
      ELSE r."Income $" * 0.00075::float8
    END
  + 1::float8;
  linear_2 := r."age"::float8 * 0.05::float8
  + CASE
      WHEN r."Income $" BETWEEN '-2.465e-321'::float8 AND '2.465e-321'::float8 THEN 0::float8
      ELSE r."Income $" * -0.001::float8
    END;
  linear_3 := r."age"::float8 * -0.1::float8
  + CASE
      WHEN r."Income $" BETWEEN '-2.47e-320'::float8 AND '2.47e-320'::float8 THEN 0::float8
      ELSE r."Income $" * 0.0001::float8
    END
  - 2::float8;
  max_1 := float8larger(float8larger(linear_2, linear_1), linear_3);
  exp_1 := exp(float8smaller(float8larger(linear_1 - max_1, -745.1::float8), 709.782712893384::float8));
  sum_1 := float8smaller(CASE
      WHEN exp(float8smaller(float8larger(linear_2 - max_1, -745.1::float8), 709.782712893384::float8)) BETWEEN '-2e-323'::float8 AND '2e-323'::float8
        THEN 0::float8
      ELSE exp(float8smaller(float8larger(linear_2 - max_1, -745.1::float8), 709.782712893384::float8)) * 0.125::float8
    END
  + CASE
      WHEN exp_1 BETWEEN '-2e-323'::float8 AND '2e-323'::float8 THEN 0::float8
      ELSE exp_1 * 0.125::float8
    END
  + CASE
      WHEN exp(float8smaller(float8larger(linear_3 - max_1, -745.1::float8), 709.782712893384::float8)) BETWEEN '-2e-323'::float8 AND '2e-323'::float8
        THEN 0::float8
      ELSE exp(float8smaller(float8larger(linear_3 - max_1, -745.1::float8), 709.782712893384::float8)) * 0.125::float8
    END, '2.2471164185778946e+307'::float8) * 8::float8;
  RETURN CASE
    WHEN r."age" IS NOT NULL AND r."Income $" BETWEEN '-1e+300'::float8 AND '1e+300'::float8 THEN CASE
      WHEN sum_1 = 0::float8 THEN CASE
        WHEN exp_1 > 0::float8 THEN 'Infinity'::float8
        WHEN exp_1 < 0::float8 THEN '-Infinity'::float8
        ELSE NULL::float8
      END
      WHEN exp_1 = 0::float8 OR abs(exp_1) = 'Infinity'::float8 THEN exp_1 / sum_1
      WHEN CASE WHEN exp_1 = 0::float8 THEN 0::float8 ELSE ln(abs(exp_1)) END
        - CASE WHEN sum_1 = 0::float8 THEN 0::float8 ELSE ln(abs(sum_1)) END BETWEEN -743::float8 AND 709.7::float8
        THEN exp_1 / sum_1
      WHEN CASE WHEN exp_1 = 0::float8 THEN 0::float8 ELSE ln(abs(exp_1)) END
        - CASE WHEN sum_1 = 0::float8 THEN 0::float8 ELSE ln(abs(sum_1)) END > 709.7::float8
        THEN CASE
          WHEN CASE WHEN exp_1 > 0::float8 THEN 1::float8 ELSE -1::float8 END = CASE WHEN sum_1 > 0::float8 THEN 1::float8 ELSE -1::float8 END
            THEN 'Infinity'::float8
          ELSE '-Infinity'::float8
        END
      ELSE 0::float8
    END
    ELSE NULL::float8
  END;
END

-- predict_proba_c, staged
DECLARE
  linear_1 float8;
  linear_2 float8;
  linear_3 float8;
  max_1 float8;
  exp_1 float8;
  sum_1 float8;
BEGIN
  linear_1 := r."age"::float8 * -0.1::float8
  + CASE
      WHEN r."Income $" BETWEEN '-2.47e-320'::float8 AND '2.47e-320'::float8 THEN 0::float8
      ELSE r."Income $" * 0.0001::float8
    END
  - 2::float8;
  linear_2 := r."age"::float8 * 0.05::float8
  + CASE
      WHEN r."Income $" BETWEEN '-2.465e-321'::float8 AND '2.465e-321'::float8 THEN 0::float8
      ELSE r."Income $" * -0.001::float8
    END;
  linear_3 := r."age"::float8 * 0.025::float8
  + CASE
      WHEN r."Income $" BETWEEN '-3.29e-321'::float8 AND '3.29e-321'::float8 THEN 0::float8
      ELSE r."Income $" * 0.00075::float8
    END
  + 1::float8;
  max_1 := float8larger(float8larger(linear_2, linear_3), linear_1);
  exp_1 := exp(float8smaller(float8larger(linear_1 - max_1, -745.1::float8), 709.782712893384::float8));
  sum_1 := float8smaller(CASE
      WHEN exp(float8smaller(float8larger(linear_2 - max_1, -745.1::float8), 709.782712893384::float8)) BETWEEN '-2e-323'::float8 AND '2e-323'::float8
        THEN 0::float8
      ELSE exp(float8smaller(float8larger(linear_2 - max_1, -745.1::float8), 709.782712893384::float8)) * 0.125::float8
    END
  + CASE
      WHEN exp(float8smaller(float8larger(linear_3 - max_1, -745.1::float8), 709.782712893384::float8)) BETWEEN '-2e-323'::float8 AND '2e-323'::float8
        THEN 0::float8
      ELSE exp(float8smaller(float8larger(linear_3 - max_1, -745.1::float8), 709.782712893384::float8)) * 0.125::float8
    END
  + CASE
      WHEN exp_1 BETWEEN '-2e-323'::float8 AND '2e-323'::float8 THEN 0::float8
      ELSE exp_1 * 0.125::float8
    END, '2.2471164185778946e+307'::float8) * 8::float8;
  RETURN CASE
    WHEN r."age" IS NOT NULL AND r."Income $" BETWEEN '-1e+300'::float8 AND '1e+300'::float8 THEN CASE
      WHEN sum_1 = 0::float8 THEN CASE
        WHEN exp_1 > 0::float8 THEN 'Infinity'::float8
        WHEN exp_1 < 0::float8 THEN '-Infinity'::float8
        ELSE NULL::float8
      END
      WHEN exp_1 = 0::float8 OR abs(exp_1) = 'Infinity'::float8 THEN exp_1 / sum_1
      WHEN CASE WHEN exp_1 = 0::float8 THEN 0::float8 ELSE ln(abs(exp_1)) END
        - CASE WHEN sum_1 = 0::float8 THEN 0::float8 ELSE ln(abs(sum_1)) END BETWEEN -743::float8 AND 709.7::float8
        THEN exp_1 / sum_1
      WHEN CASE WHEN exp_1 = 0::float8 THEN 0::float8 ELSE ln(abs(exp_1)) END
        - CASE WHEN sum_1 = 0::float8 THEN 0::float8 ELSE ln(abs(sum_1)) END > 709.7::float8
        THEN CASE
          WHEN CASE WHEN exp_1 > 0::float8 THEN 1::float8 ELSE -1::float8 END = CASE WHEN sum_1 > 0::float8 THEN 1::float8 ELSE -1::float8 END
            THEN 'Infinity'::float8
          ELSE '-Infinity'::float8
        END
      ELSE 0::float8
    END
    ELSE NULL::float8
  END;
END

-- decision_function_it's, staged
BEGIN
  RETURN CASE
    WHEN r."age" IS NOT NULL AND r."Income $" BETWEEN '-1e+300'::float8 AND '1e+300'::float8 THEN r."age"::float8 * 0.05::float8
    + CASE
        WHEN r."Income $" BETWEEN '-2.465e-321'::float8 AND '2.465e-321'::float8 THEN 0::float8
        ELSE r."Income $" * -0.001::float8
      END
    ELSE NULL::float8
  END;
END

-- decision_function_b, staged
BEGIN
  RETURN CASE
    WHEN r."age" IS NOT NULL AND r."Income $" BETWEEN '-1e+300'::float8 AND '1e+300'::float8 THEN r."age"::float8 * 0.025::float8
    + CASE
        WHEN r."Income $" BETWEEN '-3.29e-321'::float8 AND '3.29e-321'::float8 THEN 0::float8
        ELSE r."Income $" * 0.00075::float8
      END
    + 1::float8
    ELSE NULL::float8
  END;
END

-- decision_function_c, staged
BEGIN
  RETURN CASE
    WHEN r."age" IS NOT NULL AND r."Income $" BETWEEN '-1e+300'::float8 AND '1e+300'::float8 THEN r."age"::float8 * -0.1::float8
    + CASE
        WHEN r."Income $" BETWEEN '-2.47e-320'::float8 AND '2.47e-320'::float8 THEN 0::float8
        ELSE r."Income $" * 0.0001::float8
      END
    - 2::float8
    ELSE NULL::float8
  END;
END

-- to_sql
-- indb: scores of shop.customers
-- digest: sha256 4cb7ba181a2f7b635b7057b0290ee22715651054c138833986634d672988b63b
-- read from: class LogisticRegression
-- columns: age (number), Income $ (number)
SELECT
  input."id" AS "id",
  (CASE
    WHEN stage_1.accepted_1 THEN CASE
      WHEN stage_1.linear_2 <= stage_1.linear_1 AND stage_1.linear_3 <= stage_1.linear_1 THEN 'it''s'
      WHEN stage_1.linear_3 <= stage_1.linear_2 THEN 'b'
      ELSE 'c'
    END
  END)::text AS "predict",
  CASE
    WHEN stage_1.accepted_1 THEN CASE
      WHEN stage_4.sum_1 = 0::float8 THEN CASE
        WHEN stage_3.exp_1 > 0::float8 THEN 'Infinity'::float8
        WHEN stage_3.exp_1 < 0::float8 THEN '-Infinity'::float8
        ELSE NULL::float8
      END
      WHEN stage_3.exp_1 = 0::float8 OR abs(stage_3.exp_1) = 'Infinity'::float8
        THEN stage_3.exp_1 / stage_4.sum_1
      WHEN CASE WHEN stage_3.exp_1 = 0::float8 THEN 0::float8 ELSE ln(abs(stage_3.exp_1)) END
        - CASE WHEN stage_4.sum_1 = 0::float8 THEN 0::float8 ELSE ln(abs(stage_4.sum_1)) END BETWEEN -743::float8 AND 709.7::float8
        THEN stage_3.exp_1 / stage_4.sum_1
      WHEN CASE WHEN stage_3.exp_1 = 0::float8 THEN 0::float8 ELSE ln(abs(stage_3.exp_1)) END
        - CASE WHEN stage_4.sum_1 = 0::float8 THEN 0::float8 ELSE ln(abs(stage_4.sum_1)) END > 709.7::float8
        THEN CASE
          WHEN CASE WHEN stage_3.exp_1 > 0::float8 THEN 1::float8 ELSE -1::float8 END = CASE WHEN stage_4.sum_1 > 0::float8 THEN 1::float8 ELSE -1::float8 END
            THEN 'Infinity'::float8
          ELSE '-Infinity'::float8
        END
      ELSE 0::float8
    END
    ELSE NULL::float8
  END AS "predict_proba_it's",
  CASE
    WHEN stage_1.accepted_1 THEN CASE
      WHEN stage_4.sum_1 = 0::float8 THEN CASE
        WHEN stage_3.exp_2 > 0::float8 THEN 'Infinity'::float8
        WHEN stage_3.exp_2 < 0::float8 THEN '-Infinity'::float8
        ELSE NULL::float8
      END
      WHEN stage_3.exp_2 = 0::float8 OR abs(stage_3.exp_2) = 'Infinity'::float8
        THEN stage_3.exp_2 / stage_4.sum_1
      WHEN CASE WHEN stage_3.exp_2 = 0::float8 THEN 0::float8 ELSE ln(abs(stage_3.exp_2)) END
        - CASE WHEN stage_4.sum_1 = 0::float8 THEN 0::float8 ELSE ln(abs(stage_4.sum_1)) END BETWEEN -743::float8 AND 709.7::float8
        THEN stage_3.exp_2 / stage_4.sum_1
      WHEN CASE WHEN stage_3.exp_2 = 0::float8 THEN 0::float8 ELSE ln(abs(stage_3.exp_2)) END
        - CASE WHEN stage_4.sum_1 = 0::float8 THEN 0::float8 ELSE ln(abs(stage_4.sum_1)) END > 709.7::float8
        THEN CASE
          WHEN CASE WHEN stage_3.exp_2 > 0::float8 THEN 1::float8 ELSE -1::float8 END = CASE WHEN stage_4.sum_1 > 0::float8 THEN 1::float8 ELSE -1::float8 END
            THEN 'Infinity'::float8
          ELSE '-Infinity'::float8
        END
      ELSE 0::float8
    END
    ELSE NULL::float8
  END AS "predict_proba_b",
  CASE
    WHEN stage_1.accepted_1 THEN CASE
      WHEN stage_4.sum_1 = 0::float8 THEN CASE
        WHEN stage_3.exp_3 > 0::float8 THEN 'Infinity'::float8
        WHEN stage_3.exp_3 < 0::float8 THEN '-Infinity'::float8
        ELSE NULL::float8
      END
      WHEN stage_3.exp_3 = 0::float8 OR abs(stage_3.exp_3) = 'Infinity'::float8
        THEN stage_3.exp_3 / stage_4.sum_1
      WHEN CASE WHEN stage_3.exp_3 = 0::float8 THEN 0::float8 ELSE ln(abs(stage_3.exp_3)) END
        - CASE WHEN stage_4.sum_1 = 0::float8 THEN 0::float8 ELSE ln(abs(stage_4.sum_1)) END BETWEEN -743::float8 AND 709.7::float8
        THEN stage_3.exp_3 / stage_4.sum_1
      WHEN CASE WHEN stage_3.exp_3 = 0::float8 THEN 0::float8 ELSE ln(abs(stage_3.exp_3)) END
        - CASE WHEN stage_4.sum_1 = 0::float8 THEN 0::float8 ELSE ln(abs(stage_4.sum_1)) END > 709.7::float8
        THEN CASE
          WHEN CASE WHEN stage_3.exp_3 > 0::float8 THEN 1::float8 ELSE -1::float8 END = CASE WHEN stage_4.sum_1 > 0::float8 THEN 1::float8 ELSE -1::float8 END
            THEN 'Infinity'::float8
          ELSE '-Infinity'::float8
        END
      ELSE 0::float8
    END
    ELSE NULL::float8
  END AS "predict_proba_c",
  CASE WHEN stage_1.accepted_1 THEN stage_1.linear_1 ELSE NULL::float8 END AS "decision_function_it's",
  CASE WHEN stage_1.accepted_1 THEN stage_1.linear_2 ELSE NULL::float8 END AS "decision_function_b",
  CASE WHEN stage_1.accepted_1 THEN stage_1.linear_3 ELSE NULL::float8 END AS "decision_function_c"
FROM (
  SELECT
    t."id",
    t."age"::float8 AS "age",
    t."Income $"::float8 AS "Income $"
  FROM "shop"."customers" AS t
) AS input
CROSS JOIN LATERAL (
  SELECT
    input."age" BETWEEN '-1e+300'::float8 AND '1e+300'::float8
    AND input."Income $" BETWEEN '-1e+300'::float8 AND '1e+300'::float8 AS accepted_1,
    CASE
        WHEN input."age" BETWEEN '-4.4e-323'::float8 AND '4.4e-323'::float8 THEN 0::float8
        ELSE input."age" * 0.05::float8
      END
    + CASE
        WHEN input."Income $" BETWEEN '-2.465e-321'::float8 AND '2.465e-321'::float8 THEN 0::float8
        ELSE input."Income $" * -0.001::float8
      END AS linear_1,
    CASE
        WHEN input."age" BETWEEN '-9.4e-323'::float8 AND '9.4e-323'::float8 THEN 0::float8
        ELSE input."age" * 0.025::float8
      END
    + CASE
        WHEN input."Income $" BETWEEN '-3.29e-321'::float8 AND '3.29e-321'::float8 THEN 0::float8
        ELSE input."Income $" * 0.00075::float8
      END
    + 1::float8 AS linear_2,
    CASE
        WHEN input."age" BETWEEN '-2e-323'::float8 AND '2e-323'::float8 THEN 0::float8
        ELSE input."age" * -0.1::float8
      END
    + CASE
        WHEN input."Income $" BETWEEN '-2.47e-320'::float8 AND '2.47e-320'::float8 THEN 0::float8
        ELSE input."Income $" * 0.0001::float8
      END
    - 2::float8 AS linear_3
  OFFSET 0
) AS stage_1
CROSS JOIN LATERAL (
  SELECT
    float8larger(float8larger(stage_1.linear_1, stage_1.linear_2), stage_1.linear_3) AS max_1
  OFFSET 0
) AS stage_2
CROSS JOIN LATERAL (
  SELECT
    exp(float8smaller(float8larger(stage_1.linear_1 - stage_2.max_1, -745.1::float8), 709.782712893384::float8)) AS exp_1,
    exp(float8smaller(float8larger(stage_1.linear_2 - stage_2.max_1, -745.1::float8), 709.782712893384::float8)) AS exp_2,
    exp(float8smaller(float8larger(stage_1.linear_3 - stage_2.max_1, -745.1::float8), 709.782712893384::float8)) AS exp_3
  OFFSET 0
) AS stage_3
CROSS JOIN LATERAL (
  SELECT
    float8smaller(CASE
        WHEN stage_3.exp_1 BETWEEN '-2e-323'::float8 AND '2e-323'::float8 THEN 0::float8
        ELSE stage_3.exp_1 * 0.125::float8
      END
    + CASE
        WHEN stage_3.exp_2 BETWEEN '-2e-323'::float8 AND '2e-323'::float8 THEN 0::float8
        ELSE stage_3.exp_2 * 0.125::float8
      END
    + CASE
        WHEN stage_3.exp_3 BETWEEN '-2e-323'::float8 AND '2e-323'::float8 THEN 0::float8
        ELSE stage_3.exp_3 * 0.125::float8
      END, '2.2471164185778946e+307'::float8) * 8::float8 AS sum_1
  OFFSET 0
) AS stage_4
