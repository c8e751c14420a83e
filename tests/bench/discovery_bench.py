"""What discovery costs of a core: many targets out of a file_sd list, of which a part goes and as many come, again and again.

discovery_bench.py HEAPWATCH [--targets N] [--churn SHARE] [--period S] [--rounds N] [--bar PERCENT] [--late S]

Targets are asked once a minute by a server of this program, and the list changes every `--period` seconds. CPU is user and system
time of the agent: of `--rounds` periods with changes, less that of as many periods without any. So it takes twice `--rounds` times
`--period` seconds, and a minute before that; stderr tells how far it is. `missed` are turns of the targets that were there all the
time: the server notes who was asked when, and a turn that comes more than `--late` seconds after it was due is missed. It fails
when discovery takes more than `--bar`, or a turn was missed."""
import argparse
import collections
import json
import os
import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "testing"))
from agent import Agent, Confd, wait_until  # noqa: E402
from pages import Pages  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
BODY = b'{"n": 5}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def number(agent, name):
    return sum(float(line.rsplit(" ", 1)[1]) for line in agent.metrics("text/plain").splitlines() if line.startswith(name + "{"))


def tell(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


class Log:
    """What the agent says of its targets, read on from where it was read last: its pages would cost what is measured."""

    def __init__(self, path):
        self.file = open(path)
        self.watched = 0
        self.changes = []  # (came, went)
        self.rest = ""

    def read(self):
        *lines, self.rest = (self.rest + self.file.read()).split("\n")
        for line in lines:
            change = re.search(r": (\d+) targets? came, (\d+) went, (\d+) are watched", line)
            if change:
                self.changes.append((int(change[1]), int(change[2])))
                self.watched = int(change[3])
        return self


class Asked:
    """When each target was asked."""

    def __init__(self):
        self.times = collections.defaultdict(list)

    def answer(self, handler):
        self.times[int(handler.path.rpartition("=")[2])].append(time.monotonic())
        handler.wfile.write(ANSWER)

    def missed(self, targets, begin, end, interval, late):
        """Turns between two moments that were not taken, or were late."""
        missed = 0
        for target in targets:
            times = [began for began in self.times[target] if begin <= began <= end]
            edges = [begin, *times, end]
            missed += sum(int((after - before - late) // interval) for before, after in zip(edges, edges[1:]) if after - before > interval + late)
        return missed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("heapwatch")
    parser.add_argument("--targets", type=int, default=10_000)
    parser.add_argument("--churn", type=float, default=0.1)
    parser.add_argument("--period", type=float, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--bar", type=float, default=2, help="per cent of a core")
    parser.add_argument("--late", type=float, default=1, help="seconds after which a turn counts as missed")
    options = parser.parse_args()
    churn = max(1, round(options.targets * options.churn))
    interval = min(60.0, options.period)
    asked = Asked()
    with Pages({"/debug/vars": asked.answer}) as pages, Confd() as folder:
        place = f"127.0.0.1:{pages.port}"
        path = folder.confd / "go_expvar.d/targets/list.json"
        path.parent.mkdir(parents=True)

        def write(first):
            draft = path.with_suffix(".draft")
            draft.write_text(json.dumps([{"targets": [place], "labels": {"__param_target": str(n), "service": f"service-{n % 50}",
                                                                        "pod": f"pod-{n}", "zone": "eu-1", "__meta_node": f"node-{n % 100}"}}
                                         for n in range(first, first + options.targets)]))
            draft.rename(path)

        write(0)
        metrics = "".join(f"      - path: value{n}\n" for n in range(30))
        folder.write("go_expvar.d/conf.yaml", "init_config:\ninstances:\n  - namespace: bench\n"
                     f"    min_collection_interval: {interval:g}\n    memstats: false\n"
                     f"    metrics:\n{metrics}      - path: n\n    discover:\n      file_sd_configs: [{{files: [targets/list.json], max_targets: 1000000}}]\n"
                     "      relabel_configs:\n        - {source_labels: [__meta_node], target_label: node}\n"
                     "        - {source_labels: [zone], regex: 'us-.*', action: drop}\n")
        (folder.root / "run").mkdir()
        with Agent(options.heapwatch, folder, f"run_path: {folder.root}/run\n") as agent:
            log = Log(agent.log_path)

            def pause_until(moment):
                time.sleep(max(0.0, moment - time.monotonic()))

            def wait_for(condition, what):
                wait_until(lambda: condition(log.read()) or time.sleep(0.5), what, 600)

            tell(f"{options.targets} targets come")
            wait_for(lambda it: it.watched == options.targets, "all targets")
            first = time.monotonic() + interval  # by then each has had a turn
            pause_until(first)

            def measure(name, change):
                began, cpu = time.monotonic(), cpu_seconds(agent.process.pid)
                for turn in range(options.rounds):
                    tell(f"{name}: period {turn + 1} of {options.rounds}, of {options.period:g} s")
                    if change:
                        write((turn + 1) * churn)
                    pause_until(began + (turn + 1) * options.period)
                return (cpu_seconds(agent.process.pid) - cpu) / (time.monotonic() - began)

            quiet = measure("without changes", False)
            changing = measure("with changes", True)
            end = time.monotonic()
            wait_for(lambda it: it.watched == options.targets and len(it.changes) > options.rounds, "the last change")
            stayed = range(options.rounds * churn, options.targets)
            missed = asked.missed(stayed, first, end, interval, options.late)
            skipped = number(agent, "heapwatch_check_skipped_turns_total")
            cost = 100 * (changing - quiet)
            print("| targets | change | idle, % of a core | with changes, % of a core | discovery, % of a core | stayed | missed | skipped |")
            print("|---|---|---|---|---|---|---|---|")
            print(f"| {options.targets} | {churn} every {options.period:g} s | {100 * quiet:.2f} | {100 * changing:.2f} "
                  f"| {cost:.2f} | {len(stayed)} | {missed} | {skipped:.0f} |")
            if cost > options.bar or missed > 0:
                sys.exit(f"discovery took {cost:.2f} % of a core, where {options.bar:g} is the bar; {missed} turns were missed")


if __name__ == "__main__":
    main()
