"""Times scoring inside the database beside the other ways to do it: `python -m bench --help`."""
