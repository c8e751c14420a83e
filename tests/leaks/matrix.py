"""The corpus at many seeds: who is said to leak. Prints the matrix that docs/performance-leak.md holds.

    tests/leaks/matrix.py HEAPWATCH C_PROGRAM CXX_PROGRAM GO_PROGRAM THREE_PROGRAM EXTENSION_FOLDER
        [--form pid|start|both] [--seeds 20] [--for 3m] [--rate 35000] [--at-once 8] [--only NAMES]

`pid` watches programs that run; `start` starts them under the watch, so that the line of a native leak is told, too.
"""
import argparse
import collections
import contextlib
import sys

import corpus


def batches(items, size):
    for at in range(0, len(items), size):
        yield items[at:at + size]


def rate_of(options, case):
    """A leak at the rate that was asked for; others as fast as in the quick form."""
    return options.rate if case.space else case.rate


def run_running(options, commands, batch):
    with contextlib.ExitStack() as stack:
        programs = [stack.enter_context(corpus.Program(commands[case.program], case, seed, rate_of(options, case)))
                    for case, seed in batch]
        found = corpus.judgements(corpus.start_watch(options.heapwatch, programs, options.length))
        return [(case, found[program.pid]) for (case, _), program in zip(batch, programs)]


def run_started(options, commands, batch):
    watch = [options.heapwatch, "leak", "--for", options.length, "--json", "--stop", "--"]
    with contextlib.ExitStack() as stack:
        programs = [stack.enter_context(corpus.Program(commands[case.program], case, seed, rate_of(options, case), watch))
                    for case, seed in batch]
        return [(case, program.answer()) for (case, _), program in zip(batch, programs)]


class Matrix:
    def __init__(self, form):
        self.form = form
        self.words = collections.defaultdict(collections.Counter)
        self.right = collections.Counter()
        self.sites = collections.Counter()

    def add(self, case, judgement):
        self.words[case.name][judgement["verdict"] + (f" in {judgement['space']}" if judgement["space"] else "")] += 1
        self.right[case.name] += corpus.is_right(judgement, case.space)
        self.sites[case.name] += bool(case.site) and corpus.names_site(judgement, case)
        print(self.form, case.name, judgement["sentence"], file=sys.stderr, flush=True)

    def show(self):
        print(f"\n### {self.form}\n\n| program | leaks in | said | right | site named |\n|---|---|---|---|---|")
        for case in corpus.ALL:
            if self.words[case.name]:
                total = sum(self.words[case.name].values())
                said = ", ".join(f"{word} {count}" for word, count in self.words[case.name].most_common())
                print(f"| {case.name} | {case.space or '-'} | {said} | {self.right[case.name]} of {total} | "
                      f"{self.sites[case.name] if case.site else '-'} |")
        print(f"\nFalse leaks: {self.false_leaks()} of {self.runs(corpus.OTHERS)}. Leaks found in their space: "
              f"{sum(self.right[case.name] for case in corpus.LEAKS)} of {self.runs(corpus.LEAKS)}.")

    def runs(self, cases):
        return sum(sum(self.words[case.name].values()) for case in cases)

    def false_leaks(self):
        return sum(sum(self.words[case.name].values()) - self.right[case.name] for case in corpus.OTHERS)


def main():
    parser = argparse.ArgumentParser()
    for name in ("heapwatch", "c_program", "cxx_program", "go_program", "three_program", "extension_folder"):
        parser.add_argument(name)
    parser.add_argument("--form", choices=("pid", "start", "both"), default="both")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--for", dest="length", default="3m")
    parser.add_argument("--rate", type=int, default=35_000, help="bytes a second of a leak")
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--only", default="", help="names of programs, with commas")
    options = parser.parse_args()
    commands = corpus.commands(options.c_program, options.cxx_program, options.go_program, options.three_program,
                               options.extension_folder)
    only = set(filter(None, options.only.split(",")))
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    work = [(case, seed) for seed in seeds for case in corpus.ALL if not only or case.name in only]
    forms = {"pid": run_running, "start": run_started}
    matrices = [Matrix(form) for form in forms if options.form in (form, "both")]
    for batch in batches(work, options.at_once):
        for matrix in matrices:
            for case, judgement in forms[matrix.form](options, commands, batch):
                matrix.add(case, judgement)
    for matrix in matrices:
        matrix.show()
    return 1 if any(matrix.false_leaks() for matrix in matrices) else 0


if __name__ == "__main__":
    sys.exit(main())
