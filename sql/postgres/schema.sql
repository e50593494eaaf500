-- What indb keeps in a PostgreSQL database. `indb deploy` runs this once, in the transaction of the first model.
-- To remove everything that indb ever made: DROP SCHEMA indb CASCADE;

CREATE SCHEMA IF NOT EXISTS indb;

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
