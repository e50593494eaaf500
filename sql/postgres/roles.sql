-- The two roles of indb, for a DBA with CREATEROLE to run once: `indb roles --db …`, or psql with this file. indb works without
-- them; then only the role that deploys may promote, and each model is granted to the roles that call it.
--
--     indb_admin    owns what members deploy; promotes, rolls back, grants
--     indb_scorer   calls every model; reads neither model files nor the registry
--
-- GRANT indb_scorer TO analysts;

DO $body$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'indb_admin') THEN
        CREATE ROLE indb_admin NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'indb_scorer') THEN
        CREATE ROLE indb_scorer NOLOGIN;
    END IF;
    EXECUTE pg_catalog.format('GRANT CREATE ON DATABASE %I TO indb_admin', pg_catalog.current_database());
    IF pg_catalog.to_regprocedure('indb.apply_grants(text)') IS NOT NULL THEN
        PERFORM indb.apply_grants();
    END IF;
END
$body$;
