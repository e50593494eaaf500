-- The registry of indb 0.1, from which CREATE EXTENSION and ALTER EXTENSION … UPDATE must lead to today's.


CREATE SCHEMA indb;

COMMENT ON SCHEMA indb IS 'indb: models as SQL functions';

-- Analysts call indb.predict(...). The tables below stay with the role that deploys.
GRANT USAGE ON SCHEMA indb TO PUBLIC;

-- One row for each version of each model. "relation" follows the table when it is renamed.
CREATE TABLE indb.models (
    name text NOT NULL,
    version integer NOT NULL,
    digest text NOT NULL,
    relation regclass NOT NULL,
    strategy text NOT NULL,
    signature text NOT NULL,
    source text NOT NULL,
    model bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL DEFAULT current_user,
    PRIMARY KEY (name, version)
);

COMMENT ON TABLE indb.models IS 'indb: the models deployed in this database, with their .indb files';

-- Tables that `indb score` wrote; only these are replaced without being asked.
CREATE TABLE indb.score_tables (
    schema_name text NOT NULL,
    table_name text NOT NULL,
    task text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (schema_name, table_name)
);

-- How far an unfinished `indb score` came. The row and the scores up to "last_key" are committed together.
CREATE TABLE indb.score_progress (
    schema_name text NOT NULL,
    table_name text NOT NULL,
    task text NOT NULL,
    last_key text,
    rows_done bigint NOT NULL,
    PRIMARY KEY (schema_name, table_name)
);
-- What predict() calls when it cannot answer. Each raises an error; the result type only lets it stand in a CASE.
--
-- They are IMMUTABLE so that a function that calls them can still be inlined. The server may compute an immutable
-- function of constants while it plans, even in an arm that is never taken: so each is given the value that decides
-- about its arm, which is a constant only where the arm is chosen or dropped first.

CREATE OR REPLACE FUNCTION indb.refuse(model text, reason text, next_step text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $body$
BEGIN
    RAISE EXCEPTION 'cannot predict with %: %', coalesce(quote_literal(model), 'NULL'), reason
        USING HINT = next_step, ERRCODE = 'feature_not_supported';
END
$body$;

COMMENT ON FUNCTION indb.refuse(text, text, text) IS 'indb: raises an error for a model that lacks what was asked for';

CREATE OR REPLACE FUNCTION indb.unknown(word text, what text, known text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $body$
BEGIN
    RAISE EXCEPTION 'cannot predict: % % is unknown', what, coalesce(quote_literal(word), 'NULL')
        USING HINT = 'Known: ' || known || '.', ERRCODE = 'undefined_object';
END
$body$;

COMMENT ON FUNCTION indb.unknown(text, text, text) IS 'indb: raises an error for an unknown model, label or target';
