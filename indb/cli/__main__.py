"""`python -m indb.cli`."""

from indb.cli import main

main()
