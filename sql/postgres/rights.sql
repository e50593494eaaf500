-- Who may call which model. `indb grant churn --to analysts` calls these functions; so may a DBA in psql:
-- SELECT indb.grant_model('churn', 'analysts');
--
-- Nothing is granted to PUBLIC. A grant covers all versions of a model, those of the future too. Roles that `indb roles`
-- makes get theirs by themselves: indb_scorer calls every model, indb_admin promotes, rolls back and grants.

CREATE TABLE IF NOT EXISTS indb.grants (
    name text NOT NULL,
    role text NOT NULL,
    PRIMARY KEY (name, role)
);

COMMENT ON TABLE indb.grants IS 'indb: the roles that may call a model';

-- Gives every function its rights anew (NULL: of every model): all of a model to its roles, those for a table to the roles
-- of the models of that table.
CREATE OR REPLACE FUNCTION indb.apply_grants(model_name text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT p.oid::regprocedure AS function, g.role
        FROM (
            SELECT DISTINCT m.name, m.relation, r.role
            FROM indb.models AS m
            CROSS JOIN LATERAL (
                SELECT o.role FROM indb.grants AS o WHERE o.name = m.name
                UNION ALL
                VALUES ('indb_admin'), ('indb_scorer')
            ) AS r
            WHERE model_name IS NULL OR m.name = model_name
        ) AS g
        JOIN pg_proc AS p ON p.pronamespace = 'indb'::regnamespace AND (
            p.proname = g.name OR starts_with(p.proname::text, g.name || '@')
            OR (p.proname IN ('predict', 'predict_label', 'predict_proba', 'predict_score')
                AND p.proargtypes[1] = (SELECT c.reltype FROM pg_class AS c WHERE c.oid = g.relation))
            OR p.proname IN ('version_of', 'refuse', 'unknown', 'doubles', 'double_of', 'load_model', 'score',
                'score_statement')
        )
        WHERE starts_with(obj_description(p.oid, 'pg_proc'), 'indb:')
            AND (g.role = 'public' OR EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = g.role))
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', one.function, one.role);
        EXECUTE format('GRANT USAGE ON SCHEMA indb TO %I', one.role);
    END LOOP;
    -- Tables of constants, which the functions of a model read.
    FOR one IN
        SELECT c.oid::regclass AS constants, g.role
        FROM (
            SELECT DISTINCT m.name, r.role
            FROM indb.models AS m
            CROSS JOIN LATERAL (
                SELECT o.role FROM indb.grants AS o WHERE o.name = m.name
                UNION ALL
                VALUES ('indb_admin'), ('indb_scorer')
            ) AS r
            WHERE model_name IS NULL OR m.name = model_name
        ) AS g
        JOIN pg_class AS c ON c.relnamespace = 'indb'::regnamespace AND c.relkind = 'r'
            AND starts_with(c.relname::text, g.name || '@')
        WHERE starts_with(obj_description(c.oid, 'pg_class'), 'indb:')
            AND (g.role = 'public' OR EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = g.role))
    LOOP
        EXECUTE format('GRANT SELECT ON TABLE %s TO %I', one.constants, one.role);
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = 'indb_admin') THEN
        GRANT USAGE ON SCHEMA indb TO indb_admin;
        GRANT SELECT ON ALL TABLES IN SCHEMA indb TO indb_admin;
        GRANT EXECUTE ON FUNCTION indb.promote(text, integer), indb.rollback(text), indb.set_alias(text, text, integer),
            indb.grant_model(text, text), indb.revoke_model(text, text), indb.prove(text, integer, double precision),
            indb.check_version(text, integer), indb.agrees(jsonb, jsonb, double precision)
            TO indb_admin;
    END IF;
END
$body$;

COMMENT ON FUNCTION indb.apply_grants(text) IS 'indb: gives every function the rights that the registry says';

CREATE OR REPLACE FUNCTION indb.grant_model(model_name text, grantee text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
    PERFORM indb.lock();
    PERFORM indb.check_version(model_name, (SELECT max(m.version) FROM indb.models AS m WHERE m.name = model_name));
    IF grantee <> 'public' AND NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = grantee) THEN
        RAISE EXCEPTION 'cannot grant % to %: there is no such role', quote_nullable(model_name), quote_nullable(grantee)
            USING HINT = 'CREATE ROLE first; names are compared as they are written.', ERRCODE = 'undefined_object';
    END IF;
    INSERT INTO indb.grants (name, role) VALUES (model_name, grantee) ON CONFLICT DO NOTHING;
    INSERT INTO indb.events (action, name, details) VALUES ('grant', model_name, 'to ' || grantee);
    PERFORM indb.apply_grants(model_name);
END
$body$;

COMMENT ON FUNCTION indb.grant_model(text, text) IS 'indb: lets a role call a model, all its versions';

-- Takes everything from a role; apply_grants() gives back what it still has.
CREATE OR REPLACE FUNCTION indb.withdraw(grantee text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    one record;
BEGIN
    IF grantee <> 'public' AND NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = grantee) THEN
        RETURN;
    END IF;
    FOR one IN
        SELECT p.oid::regprocedure AS function FROM pg_proc AS p
        WHERE p.pronamespace = 'indb'::regnamespace AND starts_with(obj_description(p.oid, 'pg_proc'), 'indb:')
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM %I', one.function, grantee);
    END LOOP;
    FOR one IN
        SELECT c.oid::regclass AS constants FROM pg_class AS c
        WHERE c.relnamespace = 'indb'::regnamespace AND c.relkind = 'r' AND c.relname ~ '@[0-9]+\.p\.'
            AND starts_with(obj_description(c.oid, 'pg_class'), 'indb:')
    LOOP
        EXECUTE format('REVOKE ALL ON TABLE %s FROM %I', one.constants, grantee);
    END LOOP;
    EXECUTE format('REVOKE ALL ON SCHEMA indb FROM %I', grantee);
END
$body$;

COMMENT ON FUNCTION indb.withdraw(text) IS 'indb: takes every right of indb from a role';

-- Forgets what was granted of models that are gone.
CREATE OR REPLACE FUNCTION indb.forget_grants() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    gone text;
BEGIN
    FOR gone IN
        DELETE FROM indb.grants AS g WHERE NOT EXISTS (SELECT FROM indb.models AS m WHERE m.name = g.name) RETURNING g.role
    LOOP
        PERFORM indb.withdraw(gone);
    END LOOP;
END
$body$;

COMMENT ON FUNCTION indb.forget_grants() IS 'indb: takes back what was granted of models that are gone';

CREATE OR REPLACE FUNCTION indb.revoke_model(model_name text, grantee text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
    PERFORM indb.lock();
    DELETE FROM indb.grants AS g WHERE g.name = model_name AND g.role = grantee;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'cannot revoke % from %: it was not granted', quote_nullable(model_name), quote_nullable(grantee)
            USING HINT = 'SELECT * FROM indb.grants shows what was.', ERRCODE = 'undefined_object';
    END IF;
    PERFORM indb.withdraw(grantee);
    INSERT INTO indb.events (action, name, details) VALUES ('revoke', model_name, 'from ' || grantee);
    PERFORM indb.apply_grants();
END
$body$;

COMMENT ON FUNCTION indb.revoke_model(text, text) IS 'indb: no longer lets a role call a model';

REVOKE ALL ON FUNCTION indb.apply_grants(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION indb.grant_model(text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION indb.withdraw(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION indb.forget_grants() FROM PUBLIC;
REVOKE ALL ON FUNCTION indb.revoke_model(text, text) FROM PUBLIC;
