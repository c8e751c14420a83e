"""What the check `memory` costs of a core, watching many processes; beside `pmap -X` over the same processes once a minute.

memory_check_bench.py HEAPWATCH HEAP_PROGRAM [--processes N] [--megabytes N] [--seconds S] [--interval S] [--walk-interval S]

Processes are a third each of a C program with small blocks, of CPython with dicts and strings, and of CPython with as many threads as
a server has. CPU is user and system time of the agent from its first run on, so with the first look at each process; the budget
of looks is the default, 1 % of a core. `idle` is the agent without the check."""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "testing"))
from agent import Agent, Confd, clean_environment, wait_until  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
PYTHON = """
import sys, threading
things = []
while len(things) < {megabytes} * 4000:
    things.append({{"n": len(things)}})
for _ in range({threads}):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
print("ready", flush=True)
sys.stdin.read()
"""


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss(pid):
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def command(index, options):
    if index % 3 == 0:
        return [options.heap_program, "heap", "1"]
    return ["/usr/bin/python3", "-c", PYTHON.format(megabytes=options.megabytes, threads=0 if index % 3 == 1 else 16)]


def start(options):
    processes = [subprocess.Popen(command(index, options), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=clean_environment())
                 for index in range(options.processes)]
    for process in processes:
        process.stdout.readline()
    return processes


def agent_cpu(options, instances):
    """Per cent of a core, and the page of metrics at the end."""
    with Confd() as folder:
        if instances:
            folder.write("memory.d/conf.yaml", f"init_config: {{walk_interval: {options.walk_interval}}}\ninstances:\n{instances}")
        with Agent(options.heapwatch, folder, f"min_collection_interval: {options.interval}\n") as agent:
            before, began = cpu_seconds(agent.process.pid), time.monotonic()
            time.sleep(options.seconds)
            used, took = cpu_seconds(agent.process.pid) - before, time.monotonic() - began
            return 100 * used / took, agent.metrics("text/plain")


def pmap_cpu(pids):
    """CPU seconds of one look by `pmap -X` at each process."""
    before = os.times()
    for pid in pids:
        subprocess.run(["pmap", "-X", str(pid)], stdout=subprocess.DEVNULL, check=True)
    after = os.times()
    return (after.children_user - before.children_user) + (after.children_system - before.children_system)


def value_of(page, name):
    return sum(float(value) for value in re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", page, re.M))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("heapwatch")
    parser.add_argument("heap_program")
    parser.add_argument("--processes", type=int, default=50)
    parser.add_argument("--megabytes", type=int, default=8, help="of Python objects, about")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--interval", type=float, default=15)
    parser.add_argument("--walk-interval", type=float, default=60)
    options = parser.parse_args()
    processes = start(options)
    pids = [process.pid for process in processes]
    try:
        together = f"  - pattern: ^{re.escape(options.heap_program)} heap|while len.things\n    name: watched\n"
        apart = ""
        with Confd() as folder:
            for index, pid in enumerate(pids):
                (folder.root / str(pid)).write_text(str(pid))
                apart += f"  - pid_file: {folder.root}/{pid}\n    name: watched{index}\n"
            rows = [("one instance", agent_cpu(options, together)), (f"{len(pids)} instances", agent_cpu(options, apart)),
                    ("idle", agent_cpu(options, ""))]
        print(f"{len(pids)} processes, {sum(map(rss, pids)) / 2**20:.0f} MB RSS in all; `pmap -X` at each once in "
              f"{options.walk_interval:g} s: {100 * pmap_cpu(pids) / options.walk_interval:.2f} % of a core\n")
        print("| the agent with | % of a core | CPU ms of a look at all | s between looks | found |\n|---|---|---|---|---|")
        for name, (share, page) in rows:
            walks = re.findall(r"^process_memory_walk_interval\{[^}]*\} (\S+)$", page, re.M)
            print(f"| {name} | {share:.2f} | {1000 * value_of(page, 'process_memory_walk_cpu'):.0f} | "
                  f"{max(map(float, walks), default=0):.0f} | {value_of(page, 'process_memory_processes'):.0f} |")
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            wait_until(lambda one=process: one.poll() is not None, "a process to end")
    return 0


if __name__ == "__main__":
    sys.exit(main())
