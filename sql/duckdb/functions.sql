-- What predict() calls when it cannot answer. Each raises an error.

CREATE OR REPLACE MACRO indb.refuse(model, reason, next_step) AS
    error('cannot predict with ' || coalesce('''' || model || '''', 'NULL') || ': ' || reason || E'\n  ' || next_step);

CREATE OR REPLACE MACRO indb.unknown(word, what, known) AS
    error('cannot predict: ' || what || ' ' || coalesce('''' || word || '''', 'NULL') || ' is unknown'
          || E'\n  Known: ' || known || '.');
