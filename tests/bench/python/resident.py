"""What Python costs the agent: its resident memory some seconds after the start, with one go_expvar instance and with a Python check
beside it.

    python3 tests/bench/python/resident.py build/release/agent/heapwatch-agent [--seconds 8]
"""
import argparse
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "testing"))
from agent import Agent, Confd  # noqa: E402

CHECK = """from datadog_checks.base import AgentCheck


class Small(AgentCheck):
    def check(self, _):
        self.gauge("small.one", 1)
"""


def measure(program, with_python, seconds):
    with Confd() as folder:
        if with_python:
            checks = folder.root / "checks.d"
            checks.mkdir()
            (checks / "small.py").write_text(CHECK)
            folder.write("small.d/conf.yaml", "init_config:\ninstances: [{min_collection_interval: 1}]\n")
        with Agent(program, folder) as agent:
            folder.write("go_expvar.d/conf.yaml", "init_config:\ninstances:\n"
                         f"  - expvar_url: http://127.0.0.1:{agent.port}/debug/vars\n    namespace: own\n    memstats: false\n    min_collection_interval: 1\n"
                         "    metrics: [{path: process/resident_bytes}]\n")
            port = agent.port
        with Agent(program, folder, port=port) as agent:
            time.sleep(seconds)
            if with_python and not agent.vars()["checks"]["small"]["runs"]:
                raise SystemExit("the Python check has not run")
            maps = pathlib.Path(f"/proc/{agent.process.pid}/maps").read_text()
            return agent.vars()["process"]["resident_bytes"] / 2**20, "libpython" in maps


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("program")
    arguments.add_argument("--seconds", type=float, default=8)
    options = arguments.parse_args()
    for with_python in (False, True):
        resident, mapped = measure(options.program, with_python, options.seconds)
        print(f"{'with a Python check' if with_python else 'go_expvar alone':20} {resident:6.1f} MiB resident, "
              f"libpython {'mapped' if mapped else 'not mapped'}", flush=True)


if __name__ == "__main__":
    main()
