"""What discovery costs of a core: many targets out of a file_sd list, of which a part goes and as many come, again and again.

discovery_bench.py HEAPWATCH [--targets N] [--churn SHARE] [--period S] [--rounds N]

Targets are asked once a minute by a server of this program, and the list changes every `--period` seconds. CPU is user and system
time of the agent: of `--rounds` periods with changes, less that of as many periods without any. `skipped` are turns of the targets that
were not taken."""
import argparse
import json
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "testing"))
from agent import Agent, Confd, wait_until  # noqa: E402
from pages import Pages  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def number(agent, name):
    return sum(float(line.rsplit(" ", 1)[1]) for line in agent.metrics("text/plain").splitlines() if line.startswith(name + "{"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("heapwatch")
    parser.add_argument("--targets", type=int, default=10_000)
    parser.add_argument("--churn", type=float, default=0.1)
    parser.add_argument("--period", type=float, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    churn = max(1, round(options.targets * options.churn))
    with Pages({"/debug/vars": b'{"n": 5}'}) as pages, Confd() as folder:
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
        folder.write("go_expvar.d/conf.yaml", "init_config:\ninstances:\n  - namespace: bench\n    min_collection_interval: 60\n    memstats: false\n"
                     f"    metrics:\n{metrics}      - path: n\n    discover:\n      file_sd_configs: [{{files: [targets/list.json], max_targets: 1000000}}]\n"
                     "      relabel_configs:\n        - {source_labels: [__meta_node], target_label: node}\n"
                     "        - {source_labels: [zone], regex: 'us-.*', action: drop}\n")
        (folder.root / "run").mkdir()
        with Agent(options.heapwatch, folder, f"run_path: {folder.root}/run\n") as agent:
            def watched():
                return number(agent, "heapwatch_discovery_instances")
            wait_until(lambda: watched() == options.targets, "all targets", 600)

            def measure(change):
                began, cpu = time.monotonic(), cpu_seconds(agent.process.pid)
                for turn in range(options.rounds):
                    if change:
                        write((turn + 1) * churn)
                    time.sleep(max(0.0, began + (turn + 1) * options.period - time.monotonic()))
                return (cpu_seconds(agent.process.pid) - cpu) / (time.monotonic() - began)

            quiet = measure(False)
            changing = measure(True)
            wait_until(lambda: watched() == options.targets and agent.log().count(f" came, {churn} went") >= 1, "the last change", 600)
            print("| targets | change | idle, % of a core | with changes, % of a core | discovery, % of a core | skipped |")
            print("|---|---|---|---|---|---|")
            print(f"| {options.targets} | {churn} every {options.period:g} s | {100 * quiet:.2f} | {100 * changing:.2f} "
                  f"| {100 * (changing - quiet):.2f} | {number(agent, 'heapwatch_check_skipped_turns_total'):.0f} |")


if __name__ == "__main__":
    main()
