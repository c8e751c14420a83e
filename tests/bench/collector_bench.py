"""CPU per scrape and memory of heapwatch beside collectd's curl_json, a small collector in Go, and libcurl alone; against nginx on
the loopback.

collector_bench.py HEAPWATCH [--targets N] [--seconds S] [--rounds N] [--cases 4k,100k,5m,regex,go4k,go100k] [--scale N]

CPU is user and system time of the process over the requests that nginx served in the same time. --scale N instead runs heapwatch
alone with N targets of 4 KB at an interval of 15 s. With --rounds each program runs so many times, by turns, and the medians count.

go4k and go100k are pages of Go programs: memstats with its 256 pauses beside 4 and 100 KB. heapwatch reads the 13 defaults of memstats
and 17 paths, with DogStatsD and Prometheus on; the others read the same 30."""
import argparse
import contextlib
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "testing"))
from agent import clean_environment, free_port, wait_until  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
PATHS = 30


def filler(index):
    """A member that no path enters, as services have them: a route with its counts."""
    return {"route": f'GET /api/v1/things/{index}?q="x\\y"', "count": index * 7919, "errors": {"4xx": index % 17, "5xx": index % 3},
            "latency": {"p50": index * 0.125, "p95": index * 0.5, "max": index * 3.75}, "sizes": [index, index + 1, index + 2]}


def page_of(size):
    """About `size` bytes with the 30 numbers in three objects: first, last, and deep inside."""
    groups = [{f"value{n}": 1000000 + n * 37 for n in range(10)} for _ in range(3)]
    page = {"first": groups[0], "routes": {}, "deep": {"a": {"b": groups[1], "other": filler(1)}}, "last": groups[2]}
    used = len(json.dumps(page))
    index = 0
    while used < size:
        page["routes"][f"r{index}"] = filler(index)
        used += len(json.dumps(page["routes"][f"r{index}"])) + len(str(index)) + 6
        index += 1
    page["last"] = page.pop("last")
    return json.dumps(page)


def regex_page():
    """100 KB, of which 900 members are taken by one path."""
    page = {"counters": {f"requests_{n:04}": n * 104729 for n in range(900)}, "routes": {}}
    while len(json.dumps(page)) < 100_000:
        page["routes"][f"r{len(page['routes'])}"] = filler(len(page["routes"]))
    return json.dumps(page)


DEFAULTS = ["Alloc", "TotalAlloc", "Lookups", "Mallocs", "Frees", "HeapAlloc", "HeapSys", "HeapIdle", "HeapInuse", "HeapReleased",
            "HeapObjects", "PauseTotalNs", "NumGC"]


def go_page(size):
    """page_of(size), and before it what package expvar shows of every Go program."""
    memstats = {name: 1_000_000 + n * 104729 for n, name in enumerate(DEFAULTS)}
    memstats |= {name: 4096 * n for n, name in enumerate(("Sys", "StackInuse", "StackSys", "MSpanInuse", "MSpanSys", "MCacheInuse",
                                                          "MCacheSys", "BuckHashSys", "GCSys", "OtherSys", "NextGC", "NumForcedGC"))}
    memstats |= {"NumGC": 4711, "LastGC": 1700000000123456789, "GCCPUFraction": 0.0001234, "EnableGC": True, "DebugGC": False}
    memstats["PauseNs"] = [30_000 + n * 977 % 90_000 for n in range(256)]
    memstats["PauseEnd"] = [1700000000123456789 + n * 2_000_000_007 for n in range(256)]
    memstats["BySize"] = [{"Size": 8 * n, "Mallocs": n * 7919, "Frees": n * 7900} for n in range(61)]
    return json.dumps({"cmdline": ["/usr/bin/service", "--port=8080"], "memstats": memstats, **json.loads(page_of(size))})


THIRTY = [f"{group}/value{n}" for group in ("first", "deep/a/b", "last") for n in range(10)]
CASES = {
    "4k": (lambda: page_of(4_000), THIRTY, THIRTY, 1.0),
    "100k": (lambda: page_of(100_000), THIRTY, THIRTY, 1.0),
    "5m": (lambda: page_of(5_000_000), THIRTY, THIRTY, 10.0),
    "regex": (regex_page, ["counters/.*"], ["counters/*"], 2.0),
    "go4k": (lambda: go_page(4_000), THIRTY[:17], THIRTY[:17] + [f"memstats/{name}" for name in DEFAULTS], 1.0),
    "go100k": (lambda: go_page(100_000), THIRTY[:17], THIRTY[:17] + [f"memstats/{name}" for name in DEFAULTS], 1.0),
}


class Nginx:
    def __init__(self, folder, pages):
        self.folder = folder
        self.port = free_port()
        for name, text in pages.items():
            (folder / f"{name}.json").write_text(text)
        config = folder / "nginx.conf"
        locations = "".join(f"location /{name}/ {{ default_type application/json; try_files /{name}.json =404; }}\n" for name in pages)
        config.write_text(f"""daemon off; pid {folder}/nginx.pid; worker_processes 1; error_log {folder}/error.log crit;
events {{ worker_connections 16000; }}
worker_rlimit_nofile 20000;
http {{ access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; sendfile on; tcp_nodelay on;
client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4;
scgi_temp_path {folder}/t5;
server {{ listen 127.0.0.1:{self.port} backlog=4096; root {folder}; location = /stub {{ stub_status; }}
{locations} }} }}""")
        os.chmod(folder, 0o755)
        self.process = subprocess.Popen(["/usr/sbin/nginx", "-c", str(config), "-p", str(folder)], stderr=subprocess.DEVNULL)
        wait_until(self._requests_or_none, "nginx")

    def _requests_or_none(self):
        with contextlib.suppress(OSError):
            return self.requests()
        return None

    def requests(self):
        """Served so far, this one included."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        text = opener.open(f"http://127.0.0.1:{self.port}/stub", timeout=10).read().decode()
        return int(text.split("\n")[2].split()[2])

    def url(self, case, target):
        return f"http://127.0.0.1:{self.port}/{case}/{target}"

    def close(self):
        self.process.terminate()
        self.process.wait()


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mb(pid, name):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) / 1024
    raise ValueError(name)


class StatsdSink:
    """Reads what is sent to it, and forgets it."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        with contextlib.suppress(OSError):
            while self.socket.recv(65536) is not None:
                pass

    def close(self):
        self.socket.close()


def start_heapwatch(program, folder, nginx, case, paths, targets, interval, limit, statsd=None):
    confd = folder / "conf.d" / "go_expvar.d"
    confd.mkdir(parents=True)
    metrics = "".join(f"      - path: {path}\n" for path in paths)
    # An anchor would do too; this is what deployments write. One file has a limit, so they take several.
    for first in range(0, targets, 500):
        instances = "".join(f"  - expvar_url: {nginx.url(case, n)}\n    namespace: b\n    memstats: {str(case.startswith('go')).lower()}\n"
                            f"    max_returned_metrics: {limit}\n    metrics:\n{metrics}" for n in range(first, min(targets, first + 500)))
        (confd / f"{first}.yaml").write_text(f"init_config:\n  min_collection_interval: {interval}\ninstances:\n{instances}")
    port = free_port()
    config = folder / "heapwatch.yaml"
    dogstatsd = f"dogstatsd_port: {statsd.port}\n" if statsd else ""
    config.write_text(f"{dogstatsd}confd_path: {folder}/conf.d\nexpvar_port: 0\nlog_level: warn\nprometheus: {{listen: '127.0.0.1:{port}'}}\n")
    return subprocess.Popen([program, "-c", str(config), "run"], env=clean_environment(), stderr=open(folder / "log", "w"))


def start_collectd(folder, nginx, case, paths, targets, interval):
    keys = "".join(f'<Key "{path}">\nType "gauge"\n</Key>\n' for path in paths)
    urls = "".join(f'<URL "{nginx.url(case, n)}">\nInstance "t{n}"\nInterval {interval}\n{keys}</URL>\n' for n in range(targets))
    config = folder / "collectd.conf"
    config.write_text(f'Interval {interval}\nBaseDir "{folder}"\nPluginDir "/usr/lib/collectd"\nTypesDB "/usr/share/collectd/types.db"\n'
                      f'PIDFile "{folder}/pid"\nHostname "bench"\nFQDNLookup false\nReadThreads 5\n'
                      f'LoadPlugin curl_json\n<Plugin curl_json>\n{urls}</Plugin>\n')
    return subprocess.Popen(["/usr/sbin/collectd", "-f", "-C", str(config)], env=clean_environment(),
                            stdout=subprocess.DEVNULL, stderr=open(folder / "log", "w"))


def built_peers(folder):
    """The programs of collector_peers: Go's net/http with encoding/json, and libcurl that throws the pages away."""
    sources = pathlib.Path(__file__).with_name("collector_peers")
    environment = {**os.environ, "GO111MODULE": "off", "GOFLAGS": "", "GOCACHE": str(folder / "go_cache")}
    subprocess.run(["go", "build", "-o", folder / "go", sources / "go_scraper.go"], check=True, env=environment)
    subprocess.run(["cc", "-O2", "-o", folder / "curl", sources / "curl_floor.c", "-lcurl"], check=True)
    return {"go": folder / "go", "curl": folder / "curl"}


def start_peer(program, nginx, case, paths, targets, interval):
    arguments = [f"http://127.0.0.1:{nginx.port}/{case}", str(targets), str(interval), *paths]
    return subprocess.Popen([program, *arguments], env=clean_environment(), stderr=subprocess.DEVNULL)


def measure(process, nginx, seconds, warm_up):
    """Milliseconds of CPU per request, requests, and resident megabytes."""
    time.sleep(warm_up)
    requests, cpu, began = nginx.requests(), cpu_seconds(process.pid), time.monotonic()
    time.sleep(seconds)
    if process.poll() is not None:
        raise RuntimeError("the program ended")
    cpu = cpu_seconds(process.pid) - cpu
    took = time.monotonic() - began
    served = nginx.requests() - requests - 1
    return {"cpu_ms": 1000 * cpu / max(served, 1), "requests": served, "cores": cpu / took, "rss_mb": memory_mb(process.pid, "VmRSS"),
            "peak_mb": memory_mb(process.pid, "VmHWM")}


def stop(process):
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def run_case(program, case, targets, seconds, peers):
    """By name: heapwatch, and the peers, each the path of its program."""
    make, ours, theirs, interval = CASES[case]
    results = {}
    statsd = StatsdSink() if case.startswith("go") else None
    for name in ("heapwatch", *peers):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="collector_bench."))
        nginx = Nginx(folder, {case: make()})
        try:
            process = (start_heapwatch(program, folder, nginx, case, ours, targets, interval, 2000, statsd) if name == "heapwatch"
                       else start_collectd(folder, nginx, case, theirs, targets, interval) if name == "collectd"
                       else start_peer(peers[name], nginx, case, theirs, targets, interval))
            try:
                results[name] = measure(process, nginx, seconds, warm_up=3 * interval + 1)
            finally:
                stop(process)
        finally:
            nginx.close()
            shutil.rmtree(folder, ignore_errors=True)
        if results[name]["requests"] <= 0:
            raise RuntimeError(f"{name} made no request")
    if statsd:
        statsd.close()
    return results


def median_of(rounds):
    """Of each figure of each program."""
    return {name: {figure: statistics.median(results[name][figure] for results in rounds) for figure in figures}
            for name, figures in rounds[0].items()}


def scale(program, targets, seconds):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="collector_bench."))
    nginx = Nginx(folder, {"4k": page_of(4_000)})
    try:
        process = start_heapwatch(program, folder, nginx, "4k", THIRTY, targets, 15, 350)
        try:
            figures = measure(process, nginx, seconds, warm_up=40)
            if figures["requests"] <= 0:
                raise RuntimeError((folder / "log").read_text())
            return figures
        finally:
            stop(process)
    finally:
        nginx.close()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("heapwatch")
    parser.add_argument("--targets", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--peers", default="collectd,go,curl")
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--scale", type=int, default=0)
    parser.add_argument("--alone", action="store_true", help="without the others")
    options = parser.parse_args()
    if options.scale:
        figures = scale(options.heapwatch, options.scale, options.seconds)
        print(f"{options.scale} targets of 4 KB at 15 s: {figures['cores']:.3f} cores, {figures['cpu_ms']:.4f} ms a scrape, "
              f"{figures['requests']} scrapes, {figures['rss_mb']:.0f} MB resident, peak {figures['peak_mb']:.0f} MB")
        return
    with tempfile.TemporaryDirectory(prefix="collector_bench.") as folder:
        wanted = [] if options.alone else options.peers.split(",")
        built = built_peers(pathlib.Path(folder)) if set(wanted) & {"go", "curl"} else {}
        peers = {name: built.get(name) for name in wanted}
        names = ("heapwatch", *peers)
        print("| page | " + " | ".join(f"{name} ms" for name in names) + " | of collectd's | " +
              " | ".join(f"{name} MB" for name in names) + " | scrapes |")
        print("|---" * (2 * len(names) + 3) + "|")
        for case in options.cases.split(","):
            results = median_of([run_case(options.heapwatch, case, options.targets, options.seconds, peers)
                                 for _ in range(options.rounds)])
            beside = results.get("collectd", {}).get("cpu_ms", 0)  # 0 in a short run: less than a tick
            ratio = f"{results['heapwatch']['cpu_ms'] / beside:.2f}" if beside > 0 else "-"
            print(f"| {case} | " + " | ".join(f"{results[name]['cpu_ms']:.4f}" for name in names) + f" | {ratio} | " +
                  " | ".join(f"{results[name]['peak_mb']:.0f}" for name in names) + " | " +
                  ", ".join(str(int(results[name]["requests"])) for name in names) + " |", flush=True)


if __name__ == "__main__":
    main()
