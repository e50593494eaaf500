"""One file or two per database: its connection, its tables, the functions of models. Only this package connects."""
