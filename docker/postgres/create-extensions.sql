-- What a new server begins with, in the database of POSTGRES_DB.
CREATE EXTENSION indb_udf CASCADE;
