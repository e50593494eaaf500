-- What indb keeps in a DuckDB database. `indb deploy` runs this once, in the transaction of the first model.

CREATE SCHEMA IF NOT EXISTS indb;

-- One row for each version of each model. Times are UTC.
CREATE TABLE indb.models (
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

-- Tables that `indb score` wrote; only these are replaced without being asked.
CREATE TABLE indb.score_tables (
    schema_name VARCHAR NOT NULL,
    table_name VARCHAR NOT NULL,
    task VARCHAR NOT NULL,
    created_at TIMESTAMP NOT NULL
);

-- How far an unfinished `indb score` came. The row and the scores up to "last_key" are committed together.
CREATE TABLE indb.score_progress (
    schema_name VARCHAR NOT NULL,
    table_name VARCHAR NOT NULL,
    task VARCHAR NOT NULL,
    last_key VARCHAR,
    rows_done BIGINT NOT NULL
);
