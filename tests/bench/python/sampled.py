"""What `profiler: sampled` costs the agent: prints the table of docs/performance-python.md.

    python3 tests/bench/python/sampled.py build/bench [--rounds N] [--smoke]

BUILD is the folder of the bench preset. Each program of tests/bench/exec_python is the run of a check, which says what CPU time the
thread of the run took; in turn in an agent without and one with the profiler, at the default interval. The least of the rounds counts.
"""
import argparse
import json
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "testing"), str(ROOT / "bench" / "exec_python")]
from agent import Agent, Confd, wait_until  # noqa: E402
from bench import PROGRAMS  # noqa: E402

CHECK = """import json
import os
import time

from datadog_checks.base import AgentCheck


class Program(AgentCheck):
    def check(self, instance):
        if os.path.exists(instance["result"]):
            return
        times = {}
        for name, text in json.load(open(instance["programs"])).items():
            code = compile(text, name, "exec")
            begin = time.thread_time()
            exec(code, {})
            times[name] = time.thread_time() - begin
        with open(instance["result"] + ".new", "w") as file:
            json.dump(times, file)
        os.rename(file.name, instance["result"])
"""


def run(program, profiler, work):
    with Confd() as folder:
        checks = folder.root / "checks.d"
        checks.mkdir()
        (checks / "program.py").write_text(CHECK)
        programs, result = folder.root / "programs.json", folder.root / "result.json"
        programs.write_text(json.dumps({name: f"N = {work}\n{text}" for name, text in PROGRAMS.items()}))
        folder.write("program.d/conf.yaml", "init_config:\ninstances:\n"
                     f"  - programs: {programs}\n    result: {result}\n    min_collection_interval: 5\n")
        with Agent(program, folder, f"profiler: {profiler}\nadditional_checksd: {checks}\n", env={"PYTHONHASHSEED": "0"}) as agent:
            wait_until(lambda: os.path.exists(result) or agent.process.poll() is not None, "the programs to end", patience_s=900)
            if bool(agent.vars()["python"].get("sampled")) != (profiler == "sampled"):
                raise SystemExit(agent.log())
        return json.loads(result.read_text())


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("build", type=pathlib.Path)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--work", type=int, default=4)
    arguments.add_argument("--smoke", action="store_true")
    options = arguments.parse_args()
    program = str(options.build.resolve() / "agent" / "heapwatch-agent")
    rounds, work = (1, 1) if options.smoke else (options.rounds, options.work)
    least = {"none": {}, "sampled": {}}
    for _ in range(rounds):
        for profiler, times in least.items():
            for name, time in run(program, profiler, work).items():
                times[name] = min(time, times.get(name, time))
    print("| program | without | `profiler: sampled` |\n|---|---|---|")
    product = 1.0
    for name in PROGRAMS:
        ratio = least["sampled"][name] / least["none"][name]
        product *= ratio
        print(f"| {name} | {least['none'][name]:.2f} s | {ratio:.3f} |")
    print(f"| **geometric mean** | | **{product ** (1 / len(PROGRAMS)):.3f}** |")


if __name__ == "__main__":
    main()
