"""What the history and the live page cost: without a viewer, with one that asks once a second, and how soon a day of data is there.

web_bench.py HEAPWATCH HEAP_PROGRAM [--processes N] [--seconds S] [--walk-interval S] [--day-processes N] [--day-hours N]

CPU is user and system time of the agent; `history` is what an agent with a history takes more than one without, `viewer` what one
viewer adds, who asks as the page does. Memory is private memory (Private_Clean and Private_Dirty), per hundred rows and series that are
watched. The day is an incident file of so many processes; times are of the first answers that the page waits for, over the loopback."""
import argparse
import http.client
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "testing"))
from agent import Agent, Confd, clean_environment, wait_until  # noqa: E402
from incident_file import day_of  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def private_bytes(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return 1024 * sum(int(value) for value in re.findall(r"^Private_(?:Clean|Dirty): +(\d+)", text, re.M))


def ask(port, path):
    """The answer, and the seconds and bytes that it took."""
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("GET", path, headers={"Accept-Encoding": "identity"})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if answer.status != 200:
        raise AssertionError(f"{path}: {answer.status} {body[:200]}")
    return json.loads(body), time.monotonic() - began, len(body)


def has_recorded(port):
    try:
        return ask(port, "/api/v1/processes")[0]["processes"]
    except AssertionError:
        return False  # there is no file yet


class Viewer(threading.Thread):
    """Asks for the list and for one process once a second, for what is new."""

    def __init__(self, port, pid):
        super().__init__(daemon=True)
        self.port, self.pid, self.ended, self.polls = port, pid, threading.Event(), 0

    def run(self):
        since = 0
        while not self.ended.wait(1):
            ask(self.port, "/api/v1/processes")
            since = ask(self.port, f"/api/v1/memory/{self.pid}?since={since}")[0]["next"]
            self.polls += 1


def measured(options, instances, pids, has_history, has_viewer=False):
    """Per cent of a core, private bytes, and how many columns the history has."""
    with Confd() as folder:
        folder.write("memory.d/conf.yaml", f"init_config: {{walk_interval: {options.walk_interval}}}\ninstances:\n{instances}")
        config = "" if not has_history else f"history:\n  enabled: true\n  interval: {options.history_interval}\n  path: {folder.root}/history.db\n"
        env = {"DD_HISTORY_ENABLED": "true"} if has_history else {}
        with Agent(options.heapwatch, folder, f"min_collection_interval: {options.interval}\n{config}", env=env) as agent:
            if has_history:
                wait_until(lambda: has_recorded(agent.port), "the first record of the history")
            time.sleep(options.settle)
            viewer = Viewer(agent.port, pids[0]) if has_viewer else None
            if viewer:
                viewer.start()
            before, began = cpu_seconds(agent.process.pid), time.monotonic()
            time.sleep(options.seconds)
            used, took = cpu_seconds(agent.process.pid) - before, time.monotonic() - began
            columns = 0
            if has_history and not has_viewer:
                for process in ask(agent.port, "/api/v1/processes")[0]["processes"]:
                    memory = ask(agent.port, f"/api/v1/memory/{process['pid']}")[0]
                    columns += len(memory["rows"]) + len(memory["series"])
            if viewer:
                viewer.ended.set()
                viewer.join()
            return 100 * used / took, private_bytes(agent.process.pid), columns


def costs(options):
    processes = [subprocess.Popen([options.heap_program, "heap", "1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=clean_environment())
                 for _ in range(options.processes)]
    for process in processes:
        process.stdout.readline()
    try:
        pids = [process.pid for process in processes]
        with tempfile.TemporaryDirectory() as folder:
            lines = []
            for pid in pids:
                file = pathlib.Path(folder) / str(pid)
                file.write_text(str(pid))
                lines.append(f"  - pid_file: {file}\n    name: program{pid}\n")
            instances = "".join(lines)
            without = measured(options, instances, pids, False)
            quiet = measured(options, instances, pids, True)
            viewed = measured(options, instances, pids, True, has_viewer=True)
    finally:
        for process in processes:
            process.kill()  # it waits for nothing else
            process.communicate()
    print("| cost | figure | bar |\n|---|---|---|")
    print(f"| history, no viewer, {options.processes} processes | {quiet[0] - without[0]:.3f} % of a core | 0.1 % |")
    print(f"| history, memory per 100 rows of {quiet[2]} | {(quiet[1] - without[1]) / max(quiet[2], 1) * 100 / 1e6:.2f} MB | 2 MB |")
    print(f"| one viewer at 1 Hz | {viewed[0] - quiet[0]:.3f} % of a core | 0.5 % |", flush=True)


def day(options):
    with tempfile.TemporaryDirectory() as folder:
        file = day_of(pathlib.Path(folder) / "day.tar", options.day_processes, int(time.time() * 1000), options.day_hours)
        log = pathlib.Path(folder) / "log"
        with open(log, "w") as out:
            began = time.monotonic()
            server = subprocess.Popen([options.heapwatch, "web", str(file)], stderr=out, env=clean_environment(TMPDIR=folder))
        try:
            port = int(wait_until(lambda: re.search(r"http://\S+?:(\d+)/", log.read_text()), "the page", patience_s=600)[1])
            print(f"| opening {options.day_hours} h of {options.day_processes} processes ({file.stat().st_size / 1e6:.1f} MB) | "
                  f"{time.monotonic() - began:.2f} s | |")
            to = ask(port, "/api/v1/processes")[0]["clock"]
            span = f"from={to - options.day_hours * 3_600_000}&to={to}"
            for name, path in (("processes, of an hour", "/api/v1/processes"), ("processes, of all", f"/api/v1/processes?{span}"),
                               ("one process, of an hour", "/api/v1/memory/1000"), ("one process, of all", f"/api/v1/memory/1000?{span}"),
                               ("growth, of all", f"/api/v1/growth/1000?{span}")):
                took = sorted(ask(port, path)[1:] for _ in range(options.repeats))[options.repeats // 2]
                print(f"| {name} | {took[0] * 1000:.0f} ms, {took[1] / 1000:.0f} kB | 300 ms for the first paint |", flush=True)
        finally:
            server.terminate()
            server.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("heapwatch")
    parser.add_argument("heap_program")
    parser.add_argument("--processes", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--history-interval", type=int, default=10)
    parser.add_argument("--settle", type=float, default=30)
    parser.add_argument("--interval", type=float, default=15)
    parser.add_argument("--walk-interval", type=float, default=60)
    parser.add_argument("--day-processes", type=int, default=40)
    parser.add_argument("--day-hours", type=int, default=24)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    costs(options)
    day(options)


if __name__ == "__main__":
    main()
