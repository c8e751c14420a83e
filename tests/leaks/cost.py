"""What watching costs: CPU time of `heapwatch leak` beside that of busy programs, and what it takes from their work.

    tests/leaks/cost.py HEAPWATCH C_PROGRAM CXX_PROGRAM GO_PROGRAM THREE_PROGRAM EXTENSION_FOLDER [--for 300s] [--pid-only]

Each program works as fast as one core lets it, alone, watched by its pid, and started under the watch. To be run on a quiet
machine with two cores or more.
"""
import argparse
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import corpus


def seconds(text):
    return float(text.rstrip("s"))


def cpu_of(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def children_cpu():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def served_by(text):
    words = [line.split() for line in text.splitlines() if line.startswith("served ")]
    return int(words[-1][1])


def ended(process):
    process.stdin.close()
    text = process.stdout.read()
    process.wait()
    return served_by(text)


def started(command):
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    address = process.stdout.readline().split()[1:]
    return process, address


def alone(command, length):
    process, _ = started(command)
    time.sleep(length)
    return ended(process) / length


def by_pid(heapwatch, command, length):
    """Requests a second, and our CPU time as a part of the target's."""
    process, address = started(command)
    before_target, before = cpu_of(process.pid), children_cpu()
    watch = subprocess.run([heapwatch, "leak", str(process.pid), *address, "--for", f"{length}s", "--json"],
                           capture_output=True, text=True)
    if watch.returncode != 0:
        raise AssertionError(watch.stderr)
    ours, theirs = children_cpu() - before, cpu_of(process.pid) - before_target
    return ended(process) / length, ours / theirs


def under_watch(heapwatch, command, length):
    """Requests a second of a program whose allocations are counted and sampled."""
    watch = subprocess.Popen([heapwatch, "leak", "--for", f"{length}s", "--json", "--", *command], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(length)
    watch.stdin.close()
    # The program's own words go to standard error; it is left running, and ends with its input.
    text = watch.stderr.read()
    watch.stdout.read()
    watch.wait()
    return served_by(text) / length


CHECK = """from datadog_checks.base import AgentCheck
kept = []


class Tested(AgentCheck):
    def check(self, instance):
        kept.append("x" * 2000 + str(len(kept)))
"""


def of_check(heapwatch, runs):
    """Our own CPU time by the run of a check that we watch, and that of its process, which is counted and sampled."""
    with tempfile.TemporaryDirectory() as text:
        folder = pathlib.Path(text)
        (folder / "checks.d").mkdir()
        (folder / "checks.d" / "tested.py").write_text(CHECK)
        (folder / "conf.d" / "tested.d").mkdir(parents=True)
        (folder / "conf.d" / "tested.d" / "conf.yaml").write_text("init_config:\ninstances: [{}]\n")
        watch = subprocess.Popen([heapwatch, "--confd", folder / "conf.d", "leak", "--check", "tested", "--times", str(runs)],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ours = theirs = 0.0
        while watch.poll() is None:
            try:
                ours = cpu_of(watch.pid)
                with open(f"/proc/{watch.pid}/task/{watch.pid}/children") as children:
                    theirs = max([theirs, *(cpu_of(int(pid)) for pid in children.read().split())])
            except OSError:
                pass  # it has ended
            time.sleep(0.02)
    if watch.returncode != 0:
        raise AssertionError(f"heapwatch leak --check ended with {watch.returncode}")
    return ours / runs, theirs / runs


def main():
    parser = argparse.ArgumentParser()
    for name in ("heapwatch", "c_program", "cxx_program", "go_program", "three_program", "extension_folder"):
        parser.add_argument(name)
    parser.add_argument("--for", dest="length", type=seconds, default=300.0)
    parser.add_argument("--check-only", action="store_true", help="only what the watch of a check costs")
    parser.add_argument("--pid-only", action="store_true", help="do not start the programs under the watch")
    options = parser.parse_args()
    ours, theirs = of_check(options.heapwatch, 100)
    print(f"A check under leak --check: {1000 * ours:.1f} ms a run of the watch, {1000 * theirs:.1f} ms of the check itself\n", flush=True)
    if options.check_only:
        return 0
    commands = corpus.commands(options.c_program, options.cxx_program, options.go_program, options.three_program,
                               options.extension_folder)
    print("| program | requests a second alone | watched by pid | started under the watch | CPU of the watch, of the program's |")
    print("|---|---|---|---|---|")
    worst = 0.0
    for name in ("c", "python", "go"):
        command = [*commands[name], "busy", "1", "1"]
        free = alone(command, options.length)
        watched, share = by_pid(options.heapwatch, command, options.length)
        counted = None if options.pid_only else under_watch(options.heapwatch, command, options.length)
        started_text = "-" if counted is None else f"{counted:.0f} ({100 * (counted / free - 1):+.1f} %)"
        worst = max(worst, share)
        print(f"| {name} | {free:.0f} | {watched:.0f} ({100 * (watched / free - 1):+.1f} %) | "
              f"{started_text} | {100 * share:.2f} % |", flush=True)
    return 1 if worst > 0.03 else 0


if __name__ == "__main__":
    sys.exit(main())
