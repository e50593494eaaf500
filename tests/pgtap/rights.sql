-- Every object of the schema indb and every right on it, after a superuser deployed model "double" for table flights, and granted
-- it to the role analysts. test_dba_roles.py runs it with psql.

BEGIN;
SELECT plan(33);

SELECT schema_owner_is('indb', current_user);
SELECT schema_privs_are('indb', 'indb_admin', ARRAY['USAGE']);
SELECT schema_privs_are('indb', 'indb_scorer', ARRAY['USAGE']);
SELECT schema_privs_are('indb', 'analysts', ARRAY['USAGE']);
SELECT schema_privs_are('indb', 'public', ARRAY[]::text[]);

SELECT tables_are('indb', ARRAY['aliases', 'events', 'golden_rows', 'grants', 'models', 'score_progress', 'score_tables']);
SELECT sequences_are('indb', ARRAY['events_id_seq']);
SELECT views_are('indb', ARRAY[]::text[]);

SELECT table_privs_are('indb', t.name, 'indb_admin', ARRAY['SELECT'])
FROM unnest(ARRAY['aliases', 'events', 'golden_rows', 'grants', 'models', 'score_progress', 'score_tables']) AS t(name);
SELECT table_privs_are('indb', t.name, r.name, ARRAY[]::text[])
FROM unnest(ARRAY['models', 'golden_rows', 'events']) AS t(name), unnest(ARRAY['indb_scorer', 'analysts', 'public']) AS r(name);

-- Those that a caller of the model needs, the model's own, and those of whoever decides.
CREATE TEMP TABLE expected (function text, callers text[], is_definer boolean DEFAULT false);
INSERT INTO expected (function, callers) VALUES
    ('version_of(text)', '{analysts,indb_admin,indb_scorer}'),
    ('refuse(text, text, text)', '{analysts,indb_admin,indb_scorer}'),
    ('unknown(text, text, text)', '{analysts,indb_admin,indb_scorer}'),
    ('predict(text, flights)', '{analysts,indb_admin,indb_scorer}'),
    ('predict_label(text, flights)', '{analysts,indb_admin,indb_scorer}'),
    ('predict_proba(text, flights)', '{analysts,indb_admin,indb_scorer}'),
    ('predict_proba(text, flights, text)', '{analysts,indb_admin,indb_scorer}'),
    ('predict_score(text, flights)', '{analysts,indb_admin,indb_scorer}'),
    ('predict_score(text, flights, text)', '{analysts,indb_admin,indb_scorer}'),
    ('double(flights)', '{analysts,indb_admin,indb_scorer}'),
    ('double(double precision)', '{analysts,indb_admin,indb_scorer}'),
    ('double@1(flights)', '{analysts,indb_admin,indb_scorer}'),
    ('double@1(double precision)', '{analysts,indb_admin,indb_scorer}'),
    ('agrees(jsonb, jsonb, double precision)', '{indb_admin}'),
    ('check_version(text, integer)', '{indb_admin}'),
    ('prove(text, integer, double precision)', '{indb_admin}'),
    ('apply_grants(text)', '{}'),
    ('drop_unused()', '{}'),
    ('expect_versions(text[], text)', '{}'),
    ('forget_grants()', '{}'),
    ('lock()', '{}'),
    ('rebuild_names(text)', '{}'),
    ('register(text, integer, text, regclass, text, text, text, text, bytea)', '{}'),
    ('withdraw(text)', '{}');
INSERT INTO expected VALUES
    ('promote(text, integer)', '{indb_admin}', true),
    ('rollback(text)', '{indb_admin}', true),
    ('set_alias(text, text, integer)', '{indb_admin}', true),
    ('grant_model(text, text)', '{indb_admin}', true),
    ('revoke_model(text, text)', '{indb_admin}', true);

CREATE TEMP VIEW found AS
SELECT p.proname || '(' || oidvectortypes(p.proargtypes) || ')' AS function,
    ARRAY(
        SELECT CASE a.grantee WHEN 0 THEN 'public' ELSE a.grantee::regrole::text END
        FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a WHERE a.grantee <> p.proowner ORDER BY 1
    ) AS callers,
    p.prosecdef AS is_definer,
    p.proowner::regrole::text AS owner,
    p.proconfig AS settings
FROM pg_proc AS p WHERE p.pronamespace = 'indb'::regnamespace;

SELECT set_eq('SELECT function, callers, is_definer FROM found', 'SELECT * FROM expected', 'functions, callers, definers');
SELECT is((SELECT count(DISTINCT owner) FROM found), 1::bigint, 'one owner');
SELECT is(
    (SELECT count(*) FROM found WHERE is_definer AND NOT 'search_path=pg_catalog, pg_temp' = ANY (settings)), 0::bigint,
    'who runs as the owner has a path of its own'
);
SELECT is(
    (SELECT count(*) FROM found WHERE function ~ '^(predict|double|version_of)' AND settings IS NOT NULL), 0::bigint,
    'what is to be inlined has no settings'
);
SELECT is((SELECT count(*) FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
    WHERE c.relnamespace = 'indb'::regnamespace AND NOT t.tgisinternal), 0::bigint, 'no triggers');
SELECT is((SELECT count(*) FROM pg_default_acl), 0::bigint, 'no default privileges');
SELECT is((SELECT count(*) FROM pg_auth_members WHERE roleid::regrole::text IN ('indb_admin', 'indb_scorer')
    AND member::regrole::text NOT IN (current_user)), 0::bigint, 'no members that nobody asked for');
SELECT is((SELECT count(*) FROM pg_roles WHERE rolname IN ('indb_admin', 'indb_scorer')
    AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolcanlogin OR rolreplication OR rolbypassrls)), 0::bigint,
    'roles with no attribute');
SELECT is((SELECT count(*) FROM pg_depend AS d JOIN pg_proc AS p ON p.oid = d.objid AND d.classid = 'pg_proc'::regclass
    WHERE p.proname = 'double@1' AND d.refobjid = 'flights'::regclass AND d.refobjsubid > 0), 1::bigint,
    'the function is tied to the column that it reads');

SELECT * FROM finish();
ROLLBACK;
