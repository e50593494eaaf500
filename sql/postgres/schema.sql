-- What indb keeps in a PostgreSQL database. `indb deploy` runs this in its transaction; what is there already is left alone.
-- To remove everything that indb ever made: DROP SCHEMA indb CASCADE;

CREATE SCHEMA IF NOT EXISTS indb;

COMMENT ON SCHEMA indb IS 'indb 0.2: models as SQL functions';

-- One row for each version of each model; a version never changes, but for its state. "relation" follows the table when it
-- is renamed. A bare name in predict() means the version in production; "previous" is what a rollback goes back to.
CREATE TABLE IF NOT EXISTS indb.models (
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
    plan text NOT NULL DEFAULT '',
    state text NOT NULL DEFAULT 'candidate' CHECK (state IN ('candidate', 'production', 'archived')),
    previous integer,
    PRIMARY KEY (name, version)
);

COMMENT ON TABLE indb.models IS 'indb: the models deployed in this database, with their .indb files';

CREATE UNIQUE INDEX IF NOT EXISTS models_in_production ON indb.models (name) WHERE state = 'production';

-- Other names of versions: predict('churn@challenger', c).
CREATE TABLE IF NOT EXISTS indb.aliases (
    name text NOT NULL,
    alias text NOT NULL CHECK (alias <> 'champion'),
    version integer NOT NULL,
    PRIMARY KEY (name, alias),
    FOREIGN KEY (name, version) REFERENCES indb.models ON DELETE CASCADE
);

COMMENT ON TABLE indb.aliases IS 'indb: other names of versions; champion is always the one in production';

-- Who did what, when, from where. Rows are added, never changed.
CREATE TABLE IF NOT EXISTS indb.events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    happened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    action text NOT NULL,
    name text NOT NULL,
    version integer,
    details text NOT NULL DEFAULT '',
    login text NOT NULL DEFAULT session_user,
    role text NOT NULL DEFAULT coalesce(nullif(current_setting('role'), 'none'), session_user),
    address text NOT NULL DEFAULT coalesce(inet_client_addr()::text, 'local'),
    application text NOT NULL DEFAULT current_setting('application_name')
);

COMMENT ON TABLE indb.events IS 'indb: what was done to the models, by whom, from which client';

-- Tables that `indb score` wrote; only these are replaced without being asked.
CREATE TABLE IF NOT EXISTS indb.score_tables (
    schema_name text NOT NULL,
    table_name text NOT NULL,
    task text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (schema_name, table_name)
);

-- How far an unfinished `indb score` came. The row and the scores up to "last_key" are committed together.
CREATE TABLE IF NOT EXISTS indb.score_progress (
    schema_name text NOT NULL,
    table_name text NOT NULL,
    task text NOT NULL,
    last_key text,
    rows_done bigint NOT NULL,
    PRIMARY KEY (schema_name, table_name)
);
