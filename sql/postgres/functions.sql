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

-- Who may call a model may call these: see rights.sql.
REVOKE ALL ON FUNCTION indb.refuse(text, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION indb.unknown(text, text, text) FROM PUBLIC;
