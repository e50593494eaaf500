-- Which version a name means, and how that is changed. `indb promote`, `indb rollback` and `indb alias` call these functions;
-- so may a DBA in psql: SELECT indb.promote('churn', 3); SELECT indb.rollback('churn');
--
-- predict() reads no table: it asks indb.version_of(), which the server inlines. A promotion replaces that one function, so
-- that open sessions see it at their next statement, all at once, in the transaction of the promotion.

-- Makes indb.version_of() anew from the registry, and the functions named after a model (NULL: after every model).
CREATE OR REPLACE FUNCTION indb.rebuild_names(model_name text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    arms text;
    own record;
    signature text;
    there record;
    wanted oid[] := '{}';
BEGIN
    SELECT string_agg(format('WHEN %L THEN %L', n.word, n.pinned), ' ' ORDER BY n.word) INTO arms
    FROM (
        SELECT m.name AS word, m.name || '@' || m.version AS pinned FROM indb.models AS m WHERE m.state = 'production'
        UNION ALL
        SELECT m.name || '@champion', m.name || '@' || m.version FROM indb.models AS m WHERE m.state = 'production'
        UNION ALL
        SELECT a.name || '@' || a.alias, a.name || '@' || a.version FROM indb.aliases AS a
    ) AS n;
    EXECUTE format(
        'CREATE OR REPLACE FUNCTION indb.version_of(model text) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE RETURN %s',
        coalesce('CASE model COLLATE "C" ' || arms || ' ELSE model END', 'model')
    );
    REVOKE ALL ON FUNCTION indb.version_of(text) FROM PUBLIC;
    COMMENT ON FUNCTION indb.version_of(text) IS 'indb: the version that a name means';

    FOR own IN
        SELECT m.name, p.oid, p.pronargs, p.proargnames, pg_get_function_arguments(p.oid) AS arguments,
            oidvectortypes(p.proargtypes) AS types, pg_get_function_result(p.oid) AS result, m.version
        FROM indb.models AS m
        JOIN pg_proc AS p ON p.pronamespace = 'indb'::regnamespace AND p.proname = m.name || '@' || m.version
        WHERE m.state = 'production' AND (model_name IS NULL OR m.name = model_name)
    LOOP
        signature := format('indb.%I(%s)', own.name, own.types);
        SELECT p.oid, p.proargnames, pg_get_function_result(p.oid) AS result INTO there
        FROM pg_proc AS p WHERE p.oid = to_regprocedure(signature);
        IF FOUND AND (there.proargnames IS DISTINCT FROM own.proargnames OR there.result <> own.result) THEN
            EXECUTE format('DROP FUNCTION %s', signature);
        END IF;
        EXECUTE format(
            'CREATE OR REPLACE FUNCTION indb.%I(%s) RETURNS %s LANGUAGE sql STABLE PARALLEL SAFE RETURN indb.%I(%s)',
            own.name, own.arguments, own.result, own.name || '@' || own.version,
            (SELECT string_agg('$' || n, ', ' ORDER BY n) FROM generate_series(1, own.pronargs) AS n)
        );
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', signature);
        EXECUTE format('COMMENT ON FUNCTION %s IS %L', signature, format('indb: predict of %s@%s', own.name, own.version));
        wanted := wanted || to_regprocedure(signature)::oid;
    END LOOP;

    FOR own IN
        SELECT p.oid, p.proname::text AS name, oidvectortypes(p.proargtypes) AS types FROM pg_proc AS p
        WHERE p.pronamespace = 'indb'::regnamespace AND p.oid <> ALL (wanted)
            AND (model_name IS NULL OR p.proname = model_name)
            AND starts_with(obj_description(p.oid, 'pg_proc'), 'indb: predict of ' || p.proname || '@')
    LOOP
        EXECUTE format('DROP FUNCTION indb.%I(%s)', own.name, own.types);
    END LOOP;
    PERFORM indb.apply_grants(model_name);
END
$body$;

COMMENT ON FUNCTION indb.rebuild_names(text) IS 'indb: makes what a name means anew from the registry';

-- Drops predict() and its kin for tables that have no model any more.
CREATE OR REPLACE FUNCTION indb.drop_unused() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    unused record;
BEGIN
    FOR unused IN
        SELECT p.proname, oidvectortypes(p.proargtypes) AS types FROM pg_proc AS p
        WHERE p.pronamespace = 'indb'::regnamespace
            AND p.proname IN ('predict', 'predict_label', 'predict_proba', 'predict_score')
            AND starts_with(obj_description(p.oid, 'pg_proc'), 'indb:')
            AND NOT EXISTS (
                SELECT FROM indb.models AS m JOIN pg_class AS c ON c.oid = m.relation WHERE c.reltype = p.proargtypes[1]
            )
    LOOP
        EXECUTE format('DROP FUNCTION indb.%I(%s)', unused.proname, unused.types);
    END LOOP;
END
$body$;

COMMENT ON FUNCTION indb.drop_unused() IS 'indb: drops predict() for tables that have no model any more';

CREATE OR REPLACE FUNCTION indb.check_version(model_name text, model_version integer) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    known text;
BEGIN
    IF NOT EXISTS (SELECT FROM indb.models AS m WHERE m.name = model_name AND m.version = model_version) THEN
        SELECT string_agg(m.name || '@' || m.version, ', ' ORDER BY m.name, m.version) INTO known
        FROM indb.models AS m WHERE m.name = model_name;
        RAISE EXCEPTION 'cannot find model % in this database', quote_literal(concat_ws('@', model_name, model_version))
            USING HINT = 'Known: ' || coalesce(known, 'no version of ' || quote_nullable(model_name)) || '.',
                ERRCODE = 'undefined_object';
    END IF;
END
$body$;

COMMENT ON FUNCTION indb.check_version(text, integer) IS 'indb: raises an error for a version that is not there';

-- Raises an error when other versions are deployed than were when a script was written: predict() in it has an arm for each of
-- those. The version that the script is about may be there or not.
CREATE OR REPLACE FUNCTION indb.expect_versions(known text[], about text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    there text[];
BEGIN
    SELECT coalesce(array_agg(m.name || '@' || m.version ORDER BY m.name, m.version), '{}') INTO there
    FROM indb.models AS m WHERE m.name || '@' || m.version <> about;
    IF NOT (there <@ known AND known <@ there) THEN
        RAISE EXCEPTION 'cannot go on: found other versions than when this was written: %',
                (SELECT string_agg(u.pinned, ', ' ORDER BY u.pinned) FROM (
                    (SELECT unnest(there) AS pinned EXCEPT SELECT unnest(known))
                    UNION ALL (SELECT unnest(known) EXCEPT SELECT unnest(there))
                ) AS u)
            USING HINT = 'Somebody deployed or dropped them since: write the script again.',
                ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
END
$body$;

COMMENT ON FUNCTION indb.expect_versions(text[], text) IS 'indb: raises an error when other versions are there than expected';

-- What deploys, promotes and drops waits for the others: two at a time would rebuild the same functions.
CREATE OR REPLACE FUNCTION indb.lock() RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $body$ SELECT pg_advisory_xact_lock(1768842338) $body$;

COMMENT ON FUNCTION indb.lock() IS 'indb: waits until nobody else deploys or promotes, and keeps others out until commit';

-- Makes a version what the bare name means. The one before is archived, and remembered for a rollback.
CREATE OR REPLACE FUNCTION indb.promote(model_name text, model_version integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    before integer;
BEGIN
    PERFORM indb.lock();
    PERFORM indb.check_version(model_name, model_version);
    SELECT m.version INTO before FROM indb.models AS m WHERE m.name = model_name AND m.state = 'production';
    IF before IS DISTINCT FROM model_version THEN
        UPDATE indb.models AS m SET state = 'archived' WHERE m.name = model_name AND m.version = before;
        UPDATE indb.models AS m SET state = 'production', previous = before
        WHERE m.name = model_name AND m.version = model_version;
        INSERT INTO indb.events (action, name, version, details)
        VALUES ('promote', model_name, model_version, coalesce('from version ' || before, ''));
        PERFORM indb.rebuild_names(model_name);
    END IF;
END
$body$;

COMMENT ON FUNCTION indb.promote(text, integer) IS 'indb: makes a version what predict() means by the bare name';

-- Makes the version before the one in production what the bare name means again; gives its number. Called again, it goes
-- back further.
CREATE OR REPLACE FUNCTION indb.rollback(model_name text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    now_version integer;
    before integer;
BEGIN
    PERFORM indb.lock();
    SELECT m.version, m.previous INTO now_version, before
    FROM indb.models AS m WHERE m.name = model_name AND m.state = 'production';
    IF now_version IS NULL OR NOT EXISTS (SELECT FROM indb.models AS m WHERE m.name = model_name AND m.version = before) THEN
        RAISE EXCEPTION 'cannot roll back %: found %, needed a version that was in production before',
                quote_nullable(model_name), coalesce(model_name || '@' || now_version || ' without one', 'no version in production')
            USING HINT = 'Promote a version: SELECT indb.promote(name, version).',
                ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    UPDATE indb.models AS m SET state = 'archived' WHERE m.name = model_name AND m.version = now_version;
    UPDATE indb.models AS m SET state = 'production' WHERE m.name = model_name AND m.version = before;
    INSERT INTO indb.events (action, name, version, details)
    VALUES ('rollback', model_name, before, 'from version ' || now_version);
    PERFORM indb.rebuild_names(model_name);
    RETURN before;
END
$body$;

COMMENT ON FUNCTION indb.rollback(text) IS 'indb: goes back to the version that was in production before';

-- Lets an alias mean a version; NULL takes the alias away.
CREATE OR REPLACE FUNCTION indb.set_alias(model_name text, word text, model_version integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
    PERFORM indb.lock();
    IF word = 'champion' OR word !~ '^[A-Za-z_][A-Za-z0-9_-]*$' THEN
        RAISE EXCEPTION 'cannot set alias % of %: %', quote_nullable(word), quote_nullable(model_name), CASE word
                WHEN 'champion' THEN 'it always means the version in production'
                ELSE 'found other characters, needed letters, digits, _ and -, a letter first' END
            USING HINT = 'Promote a version, or choose another alias.', ERRCODE = 'invalid_parameter_value';
    END IF;
    IF model_version IS NULL THEN
        DELETE FROM indb.aliases AS a WHERE a.name = model_name AND a.alias = word;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'cannot remove alias % of %: it is unknown', quote_nullable(word), quote_nullable(model_name)
                USING ERRCODE = 'undefined_object';
        END IF;
    ELSE
        PERFORM indb.check_version(model_name, model_version);
        INSERT INTO indb.aliases AS a (name, alias, version) VALUES (model_name, word, model_version)
        ON CONFLICT (name, alias) DO UPDATE SET version = EXCLUDED.version;
    END IF;
    INSERT INTO indb.events (action, name, version, details)
    VALUES (CASE WHEN model_version IS NULL THEN 'unalias' ELSE 'alias' END, model_name, model_version, word);
    PERFORM indb.rebuild_names(model_name);
END
$body$;

COMMENT ON FUNCTION indb.set_alias(text, text, integer) IS 'indb: lets name@alias mean a version';

-- Whoever may call these decides what predictions are.
REVOKE ALL ON FUNCTION indb.rebuild_names(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION indb.drop_unused() FROM PUBLIC;
REVOKE ALL ON FUNCTION indb.check_version(text, integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION indb.expect_versions(text[], text) FROM PUBLIC;
REVOKE ALL ON FUNCTION indb.lock() FROM PUBLIC;
REVOKE ALL ON FUNCTION indb.promote(text, integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION indb.rollback(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION indb.set_alias(text, text, integer) FROM PUBLIC;
