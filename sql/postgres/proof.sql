-- Golden rows: rows of input and what the source library gives for them. `indb deploy` computes them with the installed
-- functions before it commits; `indb verify` and SELECT indb.prove('churn', 1) do so again at any time.

-- "input" has a value for each column that the model reads, "expected" one for each function of the version: the end of
-- its name, and what it must give (null: NULL). A function that is not there is not compared.
CREATE TABLE IF NOT EXISTS indb.golden_rows (
    name text NOT NULL,
    version integer NOT NULL,
    number integer NOT NULL,
    input jsonb NOT NULL,
    expected jsonb NOT NULL,
    PRIMARY KEY (name, version, number),
    FOREIGN KEY (name, version) REFERENCES indb.models ON DELETE CASCADE
);

COMMENT ON TABLE indb.golden_rows IS 'indb: rows with what the source library gives, which the installed functions must give';

-- Whether a value is as expected: texts, booleans and whole numbers to the letter, doubles within a tolerance.
CREATE OR REPLACE FUNCTION indb.agrees(expected jsonb, actual jsonb, tolerance double precision) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
    IF expected = actual OR (expected IS NULL AND actual IS NULL) THEN
        RETURN true;
    END IF;
    IF tolerance = 0.0 OR coalesce(jsonb_typeof(expected), 'null') <> 'number'
        OR coalesce(jsonb_typeof(actual), 'null') <> 'number' THEN
        RETURN false;
    END IF;
    -- As numeric, which neither overflows nor underflows.
    RETURN abs((expected #>> '{}')::numeric - (actual #>> '{}')::numeric)
        <= tolerance::numeric * greatest(1.0, abs((expected #>> '{}')::numeric));
END
$body$;

COMMENT ON FUNCTION indb.agrees(jsonb, jsonb, double precision) IS 'indb: whether a value is as expected';

-- Computes the golden rows of a version with its functions, by row and by column, and through predict(); gives the number of
-- rows, and raises an error at the first value that is not as expected. An exact type (a label) has no tolerance.
CREATE OR REPLACE FUNCTION indb.prove(model_name text, model_version integer, tolerance double precision DEFAULT 1e-9)
RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1 SET jit = off AS $body$
DECLARE
    pinned text := model_name || '@' || model_version;
    about record;
    is_mapped boolean;
    source text;
    lane record;
    wrong record;
BEGIN
    PERFORM indb.check_version(model_name, model_version);
    SELECT m.relation, m.signature::jsonb AS signature, jsonb_array_length(m.signature::jsonb -> 'targets') AS targets
    INTO about FROM indb.models AS m WHERE m.name = model_name AND m.version = model_version;
    -- Where expressions stand for columns nobody knows a row that gives the input: only predict by column is called.
    SELECT coalesce(bool_or(jsonb_array_length(coalesce(c -> 'parts', '[]')) > 0), false), CASE
            WHEN bool_or(jsonb_array_length(coalesce(c -> 'parts', '[]')) > 0) THEN format(
                'jsonb_to_record(g.input) AS "the row"(%s)',
                string_agg(format('%I %s', c ->> 'column', c ->> 'type'), ', ' ORDER BY n))
            ELSE format('jsonb_populate_record(NULL::%s, g.input) AS "the row"', about.relation) END
    INTO is_mapped, source FROM jsonb_array_elements(about.signature -> 'columns') WITH ORDINALITY AS a(c, n);
    FOR lane IN
        SELECT l ->> 'suffix' AS suffix, l ->> 'type' AS type, format('indb.%I("the row")', pinned || (l ->> 'suffix')) AS call
        FROM jsonb_array_elements(about.signature -> 'lanes') AS l
        WHERE NOT is_mapped
        UNION ALL
        SELECT l ->> 'suffix', l ->> 'type', format('indb.%I(%L, "the row")', l ->> 'output', pinned)
        FROM jsonb_array_elements(about.signature -> 'lanes') AS l
        WHERE NOT is_mapped AND about.targets = 1
            AND (l ->> 'output' = 'predict_label' OR (l ->> 'output' = 'predict' AND l ->> 'type' = 'double'))
        UNION ALL
        SELECT l ->> 'suffix', l ->> 'type', format('indb.%I(%s)', pinned, c.fields)
        FROM jsonb_array_elements(about.signature -> 'lanes') AS l, (
            SELECT string_agg(format('"the row".%I', a.c ->> 'column'), ', ' ORDER BY a.n) AS fields,
                string_agg(a.c ->> 'type', ', ' ORDER BY a.n) AS types, count(*) AS number
            FROM jsonb_array_elements(about.signature -> 'columns') WITH ORDINALITY AS a(c, n)
        ) AS c
        WHERE l ->> 'suffix' = '' AND CASE WHEN c.number BETWEEN 1 AND 100  -- the most arguments that a function has
            THEN to_regprocedure(format('indb.%I(%s)', pinned, c.types)) IS NOT NULL END
    LOOP
        EXECUTE format(
            'SELECT g.input, g.expected -> %L AS expected, to_jsonb(g.found) AS found FROM ('
            || 'SELECT g.*, %s AS found FROM indb.golden_rows AS g, '
            || 'LATERAL %s '
            || 'WHERE g.name = $1 AND g.version = $2 AND g.expected ? %L OFFSET 0) AS g '
            || 'WHERE NOT indb.agrees(nullif(g.expected -> %L, ''null''), to_jsonb(g.found), $3) ORDER BY g.number LIMIT 1',
            lane.suffix, lane.call, source, lane.suffix, lane.suffix
        ) INTO wrong USING model_name, model_version, CASE lane.type WHEN 'double' THEN tolerance ELSE 0 END;
        IF wrong.input IS NOT NULL THEN
            RAISE EXCEPTION 'cannot prove %: % gives % instead of %', pinned, lane.call,
                    coalesce(wrong.found::text, 'NULL'), wrong.expected
                USING DETAIL = 'The row: ' || wrong.input::text, HINT = 'What is installed is not the model: deploy it again.',
                    ERRCODE = 'data_exception';
        END IF;
    END LOOP;
    RETURN (SELECT count(*) FROM indb.golden_rows AS g WHERE g.name = model_name AND g.version = model_version);
END
$body$;

COMMENT ON FUNCTION indb.prove(text, integer, double precision) IS
    'indb: computes the golden rows of a version; raises an error where a value is not as expected';

-- Writes a version into the registry, as a candidate; false when it is there already, as when a script runs again.
CREATE OR REPLACE FUNCTION indb.register(
    model_name text, model_version integer, digest text, relation regclass, strategy text, signature text, source text,
    plan text, model bytea
) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    there text;
BEGIN
    SELECT m.digest INTO there FROM indb.models AS m WHERE m.name = model_name AND m.version = model_version;
    IF there = register.digest THEN
        RETURN false;
    END IF;
    IF there IS NOT NULL THEN
        RAISE EXCEPTION 'cannot deploy %: this version is there with the digest %, needed %',
                model_name || '@' || model_version, left(there, 12), left(register.digest, 12)
            USING HINT = 'Somebody deployed another model since the script was written: write it again.',
                ERRCODE = 'duplicate_object';
    END IF;
    IF encode(sha256(register.model), 'hex') <> register.digest THEN
        RAISE EXCEPTION 'cannot deploy %: its model file has another digest than %', model_name || '@' || model_version,
                left(register.digest, 12)
            USING HINT = 'The script was changed or damaged: write it again.', ERRCODE = 'data_corrupted';
    END IF;
    INSERT INTO indb.models (name, version, digest, relation, strategy, signature, source, plan, model)
    VALUES (model_name, model_version, register.digest, register.relation, register.strategy, register.signature,
        register.source, register.plan, register.model);
    INSERT INTO indb.events (action, name, version, details)
    VALUES ('deploy', model_name, model_version,
        format('%s for %s, digest %s', register.strategy, register.relation, left(register.digest, 12)));
    RETURN true;
END
$body$;

COMMENT ON FUNCTION indb.register(text, integer, text, regclass, text, text, text, text, bytea) IS
    'indb: writes a version of a model into the registry';

REVOKE ALL ON FUNCTION indb.agrees(jsonb, jsonb, double precision) FROM PUBLIC;
REVOKE ALL ON FUNCTION indb.prove(text, integer, double precision) FROM PUBLIC;
REVOKE ALL ON FUNCTION indb.register(text, integer, text, regclass, text, text, text, text, bytea) FROM PUBLIC;
