"""What the continuous verdict costs of a core beyond the looks that it judges, at many processes.

leak_verdict_bench.py HEAPWATCH HEAP_PROGRAM [--processes N] [--megabytes N] [--seconds S] [--interval S] [--walk-interval S] [--rounds N]
                      [--bar PERCENT]

The same agent watches the same processes with `leak: false` and `leak: true` in turn, with a budget that holds back no look, so that
both look equally often. Each round is a pair; the difference of the medians is what the verdict costs. Fails above the bar."""
import argparse
import pathlib
import re
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "testing"))
from agent import Agent, Confd, wait_until  # noqa: E402
from memory_check_bench import cpu_seconds, rss, start, value_of  # noqa: E402


def measure(options, leak):
    """Per cent of a core from the second look at each process on, and the resident bytes of the agent at the end."""
    with Confd() as folder:
        instance = f"  - pattern: ^{re.escape(options.heap_program)} heap|while len.things\n    name: watched\n"
        folder.write("memory.d/conf.yaml", f"init_config: {{walk_interval: {options.walk_interval}, cpu_budget: 100, timeout: 60, "
                     f"leak: {str(leak).lower()}}}\ninstances:\n{instance}")
        with Agent(options.heapwatch, folder, f"min_collection_interval: {options.interval}\n") as agent:
            wait_until(lambda: value_of(agent.metrics("text/plain"), "process_memory_processes") == options.processes,
                       "the first look at each process", patience_s=120)
            before, began = cpu_seconds(agent.process.pid), time.monotonic()
            time.sleep(options.seconds)
            used, took = cpu_seconds(agent.process.pid) - before, time.monotonic() - began
            page = agent.metrics("text/plain")
            told = len(re.findall(r"^process_memory_leak_verdict", page, re.M))
            assert told == (1 if leak else 0), page
            return 100 * used / took, rss(agent.process.pid)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("heapwatch")
    parser.add_argument("heap_program")
    parser.add_argument("--processes", type=int, default=50)
    parser.add_argument("--megabytes", type=int, default=8, help="of Python objects, about")
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--interval", type=float, default=15)
    parser.add_argument("--walk-interval", type=float, default=60)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--bar", type=float, default=0.5)
    options = parser.parse_args()
    processes = start(options)
    try:
        rounds = [(measure(options, False), measure(options, True)) for _ in range(options.rounds)]
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()
    without, having = (statistics.median(one[leak][0] for one in rounds) for leak in (0, 1))
    print(f"| {options.processes} processes, a look each in {options.walk_interval:g} s | % of a core | RSS of the agent, MiB |\n|---|---|---|")
    for leak, name in ((0, "the picture alone"), (1, "with the verdict")):
        share, resident = (statistics.median(one[leak][part] for one in rounds) for part in (0, 1))
        print(f"| {name} | {share:.2f} | {resident / 2**20:.1f} |")
    print(f"| the verdict | {having - without:.2f} (bar {options.bar:g}) | |")
    return 0 if having - without <= options.bar else 1


if __name__ == "__main__":
    sys.exit(main())
