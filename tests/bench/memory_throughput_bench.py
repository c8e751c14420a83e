"""What a program under load loses beside looks at its memory.

memory_throughput_bench.py HEAPWATCH [--looks N] [--rest S] [--rounds N] [--most PERCENT]

The program makes and drops dicts and strings without end and counts what it has done. Rounds beside looks at it, beside as many looks at
a twin that sleeps, and beside nothing take turns, so that what else the machine does falls on all. Starting and ending a program slows
what runs on the other cores, whatever the program does: the second of these rows says by how much; the rest is what looking does to the
one that is looked at. `of time` is operations per second; on a machine that has other work it says little. `of CPU` is operations per
second of the program's own CPU time: what its caches and page tables suffer. Fails when the looks lose it more than --most of CPU."""
import argparse
import mmap
import os
import pathlib
import statistics
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "testing"))
from agent import clean_environment, wait_until  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
PROGRAM = """
import mmap, struct, sys, time
with open(sys.argv[1], "r+b") as file:
    count = mmap.mmap(file.fileno(), 4096)
kept = [{"n": i, "t": str(i) * 3} for i in range(60000)]
done = 0
while sys.argv[2] == "sleep":
    time.sleep(60)
while True:
    for i in range(1000):
        kept[(done * 1000 + i) * 7919 % 60000] = {"n": i, "t": str(i) * 3}
    done += 1
    struct.pack_into("<Q", count, 0, done)
"""


def cpu_seconds(pid):
    """To the nanosecond: the first number of schedstat."""
    return int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def measured(pid, count, work):
    """Operations per second of time and of CPU while `work` goes on."""
    def now():
        return struct.unpack_from("<Q", count)[0], time.monotonic(), cpu_seconds(pid)
    before = now()
    work()
    after = now()
    operations = after[0] - before[0]
    return operations / (after[1] - before[1]), operations / (after[2] - before[2])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("heapwatch")
    parser.add_argument("--looks", type=int, default=100, help="in all rounds together")
    parser.add_argument("--rest", type=float, default=0.9, help="seconds behind each look; `heapwatch memory --watch` looks once a second")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--most", type=float, default=2, help="per cent of CPU that may be lost")
    options = parser.parse_args()
    with tempfile.NamedTemporaryFile() as file:
        file.truncate(4096)
        with mmap.mmap(file.fileno(), 4096) as count:
            program, twin = (subprocess.Popen([sys.executable, "-c", PROGRAM, file.name, what], env=clean_environment())
                             for what in ("work", "sleep"))
            try:
                wait_until(lambda: struct.unpack_from("<Q", count)[0] > 20, "the program to be at work")
                looks, others, rests = [], [], []

                def look(pid):
                    for _ in range(max(1, options.looks // options.rounds)):
                        subprocess.run([options.heapwatch, "memory", str(pid)], stdout=subprocess.DEVNULL, check=True,
                                       env=clean_environment())
                        time.sleep(options.rest)
                for _ in range(options.rounds):
                    began = time.monotonic()
                    looks.append(measured(program.pid, count, lambda: look(program.pid)))
                    took = time.monotonic() - began
                    others.append(measured(program.pid, count, lambda: look(twin.pid)))
                    rests.append(measured(program.pid, count, lambda took=took: time.sleep(took)))
            finally:
                for one in (program, twin):
                    one.kill()
                    one.wait()

    def lost(rounds, i):
        """The median of the pairs: what is slow for seconds falls on both of a pair."""
        return 100 * statistics.median(1 - beside[i] / alone[i] for beside, alone in zip(rounds, rests))
    for name, rounds in (f"{options.looks} looks", looks), ("as many looks at another", others):
        print(f"lost beside {name}: {lost(rounds, 0):.2f} % of time, {lost(rounds, 1):.2f} % of CPU")
    return 0 if lost(looks, 1) <= options.most else 1


if __name__ == "__main__":
    sys.exit(main())
