"""The command line of the fuzzer."""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from fuzz.harness import KINDS, only, run

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="fuzz")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, nargs="+")
    given = parser.parse_args()
    if given.only:
        only(given.kind, given.only, given.seed)
        sys.exit()
    found = run(given.kind, given.inputs, given.seed, given.first, lambda text: print(text, flush=True))
    for problem, times in Counter(finding.problem for finding in found).most_common():
        example = next(finding.number for finding in found if finding.problem == problem)
        print(f"{times} times, first with {example}: {problem}")
    sys.exit(bool(found))
