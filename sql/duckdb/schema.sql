-- What indb keeps in a DuckDB database. `indb deploy` runs this in its transaction; what is there already is left alone.

CREATE SCHEMA IF NOT EXISTS indb;

-- One row for each version of each model; a version never changes, but for its state: candidate, production, archived. A bare
-- name in predict() means the version in production; "previous" is what a rollback goes back to. Times are UTC.
CREATE TABLE IF NOT EXISTS indb.models (
    name VARCHAR NOT NULL,
    version INTEGER NOT NULL,
    digest VARCHAR NOT NULL,
    schema_name VARCHAR NOT NULL,
    table_name VARCHAR NOT NULL,
    strategy VARCHAR NOT NULL,
    signature VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    model BLOB NOT NULL,
    created_at TIMESTAMP NOT NULL,
    created_by VARCHAR NOT NULL
);

-- What a registry of indb 0.1 lacks.
ALTER TABLE indb.models ADD COLUMN IF NOT EXISTS plan VARCHAR DEFAULT '';
ALTER TABLE indb.models ADD COLUMN IF NOT EXISTS state VARCHAR DEFAULT NULL;
ALTER TABLE indb.models ADD COLUMN IF NOT EXISTS previous INTEGER DEFAULT NULL;
UPDATE indb.models AS m SET
    state = CASE WHEN m.version = o.newest THEN 'production' ELSE 'archived' END,
    previous = CASE WHEN m.version = o.newest THEN o.before END
FROM (
    SELECT i.name, max(i.version) AS newest, max(i.version) FILTER (WHERE i.version < n.newest) AS before
    FROM indb.models AS i JOIN (SELECT name, max(version) AS newest FROM indb.models GROUP BY name) AS n USING (name)
    GROUP BY i.name
) AS o
WHERE m.name = o.name AND m.state IS NULL;

-- Other names of versions: predict('churn@challenger', c). champion always means the version in production.
CREATE TABLE IF NOT EXISTS indb.aliases (
    name VARCHAR NOT NULL,
    alias VARCHAR NOT NULL,
    version INTEGER NOT NULL
);

-- Rows of input and what each function of a version must give for them, as JSON.
CREATE TABLE IF NOT EXISTS indb.golden_rows (
    name VARCHAR NOT NULL,
    version INTEGER NOT NULL,
    number INTEGER NOT NULL,
    input VARCHAR NOT NULL,
    expected VARCHAR NOT NULL
);

-- Who did what, when. Rows are added, never changed.
CREATE SEQUENCE IF NOT EXISTS indb.event_numbers;
CREATE TABLE IF NOT EXISTS indb.events (
    id BIGINT NOT NULL DEFAULT nextval('indb.event_numbers'),
    happened_at TIMESTAMP NOT NULL,
    action VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    version INTEGER,
    details VARCHAR NOT NULL,
    login VARCHAR NOT NULL,
    role VARCHAR NOT NULL,
    address VARCHAR NOT NULL,
    application VARCHAR NOT NULL
);

-- Tables that `indb score` wrote; only these are replaced without being asked.
CREATE TABLE IF NOT EXISTS indb.score_tables (
    schema_name VARCHAR NOT NULL,
    table_name VARCHAR NOT NULL,
    task VARCHAR NOT NULL,
    created_at TIMESTAMP NOT NULL
);

-- How far an unfinished `indb score` came. The row and the scores up to "last_key" are committed together.
CREATE TABLE IF NOT EXISTS indb.score_progress (
    schema_name VARCHAR NOT NULL,
    table_name VARCHAR NOT NULL,
    task VARCHAR NOT NULL,
    last_key VARCHAR,
    rows_done BIGINT NOT NULL
);
