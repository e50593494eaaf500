-- Brings a registry of indb 0.1 up to date: it knew versions, but neither states nor grants. What a bare name meant, the newest
-- version, is in production now. Everybody could call every model: that stays, as a grant that can be revoked.

ALTER TABLE indb.models
    ADD COLUMN plan text NOT NULL DEFAULT '',
    ADD COLUMN state text NOT NULL DEFAULT 'archived' CHECK (state IN ('candidate', 'production', 'archived')),
    ADD COLUMN previous integer;

ALTER TABLE indb.models ALTER COLUMN state SET DEFAULT 'candidate';

UPDATE indb.models AS m SET
    state = 'production',
    previous = (SELECT max(o.version) FROM indb.models AS o WHERE o.name = m.name AND o.version < m.version)
WHERE m.version = (SELECT max(o.version) FROM indb.models AS o WHERE o.name = m.name);

CREATE TABLE indb.grants (name text NOT NULL, role text NOT NULL, PRIMARY KEY (name, role));

INSERT INTO indb.grants SELECT DISTINCT m.name, 'public' FROM indb.models AS m;
