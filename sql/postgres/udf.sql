-- What models that run as PL/Python share, besides indb.runtime() and indb.accept_model(), whose bodies are Python
-- (udfs/postgres.py). A superuser's `indb deploy` runs this with search_path = pg_catalog, pg_temp.

-- Nobody calls these but load_model: they run as the operating system's user of the server.
REVOKE ALL ON FUNCTION indb.runtime() FROM PUBLIC;
REVOKE ALL ON FUNCTION indb.accept_model(text, bytea, text[]) FROM PUBLIC;

COMMENT ON FUNCTION indb.runtime() IS 'indb: the modules that score; imports them once in a session';
COMMENT ON FUNCTION indb.accept_model(text, bytea, text[]) IS
    'indb: keeps a model in the memory of the session when its file has this SHA-256';

-- The bytes of an array of doubles: the server keeps them, like a bytea, as a length and the content, of which substr()
-- gives the end. From 21 on they are the doubles of an array of one dimension, from 29 on of one of two (utils/array.h),
-- as long as none is NULL. float8send() would take as long as everything else together.
CREATE OR REPLACE FUNCTION indb.doubles(double precision[], first_byte integer) RETURNS bytea
LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'bytea_substr_no_len';

COMMENT ON FUNCTION indb.doubles(double precision[], integer) IS 'indb: the bytes of an array of doubles without NULL';

-- The double that has the bits of an integer: the server keeps both as eight bytes, and this function gives them back.
-- Python writes an array of integers many times as fast as one of doubles, and the server reads it as fast.
CREATE OR REPLACE FUNCTION indb.double_of(bits bigint) RETURNS double precision
LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'int8up';

COMMENT ON FUNCTION indb.double_of(bigint) IS 'indb: the double that has these bits';

-- Loads a deployed model into the memory of the session; gives -1 - slot, which tells the row function that it is there.
-- The digest is written in the body of the function that asks. A file in the registry with another digest is refused.
CREATE OR REPLACE FUNCTION indb.load_model(wanted text, slot integer) RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL SAFE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    file bytea;
BEGIN
    PERFORM indb.runtime();
    IF NOT indb.accept_model(wanted, NULL, NULL) THEN
        SELECT m.model INTO file FROM indb.models AS m WHERE m.digest = wanted LIMIT 1;
        IF file IS NULL THEN
            RAISE EXCEPTION 'cannot load model %: the registry does not hold it', left(wanted, 12)
                USING HINT = 'If it was deployed since this transaction began, begin another. Else deploy it again.',
                    ERRCODE = 'undefined_object';
        END IF;
        PERFORM indb.accept_model(wanted, file, (SELECT array_agg(DISTINCT m.digest) FROM indb.models AS m));
    END IF;
    RETURN -1 - slot;
END
$body$;

COMMENT ON FUNCTION indb.load_model(text, integer) IS 'indb: loads a deployed model into the memory of the session';

-- The SELECT that indb.score runs. A name means the same version as in predict().
CREATE OR REPLACE FUNCTION indb.score_statement(model text, query text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    version text := indb.version_of(model);
    known text;
    statement text;
BEGIN
    IF NOT EXISTS (
        -- "churn@2", or only "churn@2.t0" and the like where a model has several targets
        SELECT FROM pg_proc AS p
        WHERE p.pronamespace = 'indb'::regnamespace AND (p.proname = version OR starts_with(p.proname::text, version || '.'))
    ) THEN
        version := NULL;
    END IF;
    IF version IS NULL OR to_regprocedure(format('indb.%I(text)', version || '.select')) IS NULL THEN
        SELECT string_agg(left(p.proname::text, -7), ', ' ORDER BY p.proname) INTO known
        FROM pg_proc AS p WHERE p.pronamespace = 'indb'::regnamespace AND right(p.proname::text, 7) = '.select';
        IF version IS NULL THEN
            RAISE EXCEPTION 'cannot score: model % is unknown', coalesce(quote_literal(model), 'NULL')
                USING HINT = 'Known: ' || coalesce(known, 'none') || '.', ERRCODE = 'undefined_object';
        END IF;
        RAISE EXCEPTION 'cannot score with %: it does not run as PL/Python, or gives no prediction', version
            USING HINT = 'Call predict() in the query. indb.score knows: ' || coalesce(known, 'none') || '.',
                ERRCODE = 'feature_not_supported';
    END IF;
    IF query IS NULL THEN
        RAISE EXCEPTION 'cannot score: the query is NULL'
            USING HINT = 'Write the query as a text: its first column is the key.', ERRCODE = 'null_value_not_allowed';
    END IF;
    EXECUTE format('SELECT indb.%I($1)', version || '.select') INTO statement USING regexp_replace(query, ';\s*$', '');
    RETURN statement;
END
$body$;

COMMENT ON FUNCTION indb.score_statement(text, text) IS 'indb: the SELECT that indb.score(model, query) runs';

-- The scores of a query's rows, with the rights and the search_path of the caller. The first column of the query is the
-- key; the columns that the model reads are found by their names.
CREATE OR REPLACE FUNCTION indb.score(model text, query text)
RETURNS TABLE (
    key text,
    target text,
    predict double precision,
    predict_label text,
    predict_proba double precision[],
    predict_score double precision[]
)
LANGUAGE plpgsql AS $body$
BEGIN
    RETURN QUERY EXECUTE indb.score_statement(model, query);
END
$body$;

COMMENT ON FUNCTION indb.score(text, text) IS 'indb: scores the rows of a query: its key, and what the model gives';

-- Who may call a model may call these: see rights.sql.
REVOKE ALL ON FUNCTION indb.doubles(double precision[], integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION indb.double_of(bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION indb.load_model(text, integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION indb.score_statement(text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION indb.score(text, text) FROM PUBLIC;
