"""The corpus at many seeds: who is said to leak. Prints the matrix that docs/performance-leak.md holds.

    tests/leaks/matrix.py HEAPWATCH C_PROGRAM CXX_PROGRAM GO_PROGRAM [--seeds 20] [--for 3m] [--rate 35000] [--at-once 8]
"""
import argparse
import collections
import contextlib
import sys

import corpus


def batches(items, size):
    for at in range(0, len(items), size):
        yield items[at:at + size]


def run_batch(options, commands, batch):
    with contextlib.ExitStack() as stack:
        programs = []
        for case, seed in batch:
            # A leak at the rate that was asked for; others as fast as in the quick form.
            is_leak = len(case) > 4
            rate = options.rate if is_leak else case[3]
            programs.append(stack.enter_context(corpus.Program(commands[case[1]], case[2], seed, rate)))
        found = corpus.judgements(corpus.start_watch(options.heapwatch, programs, options.length))
        return [(case, found[program.pid]) for (case, _), program in zip(batch, programs)]


def main():
    parser = argparse.ArgumentParser()
    for name in ("heapwatch", "c_program", "cxx_program", "go_program"):
        parser.add_argument(name)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--for", dest="length", default="3m")
    parser.add_argument("--rate", type=int, default=35_000, help="bytes a second of a leak")
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--only", default="", help="names of programs, with commas")
    options = parser.parse_args()
    commands = corpus.commands(options.c_program, options.cxx_program, options.go_program)
    only = set(filter(None, options.only.split(",")))
    work = [(case, seed) for seed in range(1, options.seeds + 1) for case in [*corpus.LEAKS, *corpus.OTHERS]
            if not only or case[0] in only]
    words = collections.defaultdict(collections.Counter)
    right = collections.Counter()
    for batch in batches(work, options.at_once):
        for case, judgement in run_batch(options, commands, batch):
            words[case[0]][judgement["verdict"] + (f" in {judgement['space']}" if judgement["space"] else "")] += 1
            right[case[0]] += corpus.is_right(judgement, case[4] if len(case) > 4 else "")
            print(case[0], judgement["sentence"], file=sys.stderr, flush=True)
    print("| program | leaks in | said | right |\n|---|---|---|---|")
    for case in [*corpus.LEAKS, *corpus.OTHERS]:
        if words[case[0]]:
            said = ", ".join(f"{word} {count}" for word, count in words[case[0]].most_common())
            space = case[4] if len(case) > 4 else "-"
            print(f"| {case[0]} | {space} | {said} | {right[case[0]]} of {sum(words[case[0]].values())} |")
    false_leaks = sum(sum(words[case[0]].values()) - right[case[0]] for case in corpus.OTHERS)
    print(f"\nFalse leaks: {false_leaks}.")
    return 1 if false_leaks else 0


if __name__ == "__main__":
    sys.exit(main())
