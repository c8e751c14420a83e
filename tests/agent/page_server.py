"""The live page from the source tree, over answers of the API that are made up: any number of processes, gaps, restarts, troubles.

    page_server.py [--port N] [--processes N]     serves it, to look at
"""
import argparse
import http.server
import json
import math
import pathlib
import re
import threading
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "agent/web/page"
FLAME = ROOT / "pprof/flame"
DYGRAPHS = pathlib.Path("/usr/share/javascript/dygraphs")
CLOCK = 1_790_000_000_000  # 2026-09-21
MIB = 1 << 20
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


def policy():
    """The page's Content-Security-Policy, as the agent sends it."""
    source = (ROOT / "agent/web/site.cpp").read_text()
    parts = re.search(r'"Content-Security-Policy",(.*?)\}', source, re.DOTALL).group(1)
    return "".join(re.findall(r'"([^"]*)"', parts))


def flame_script():
    """The parts of the flame graph in the order in which the program puts them together."""
    order = re.search(r"for \(const std::string_view part :\s*\{(.*?)\}\)", (FLAME / "page.cpp").read_text(), re.DOTALL).group(1)
    files = dict(re.findall(r"(\w+_script)=(\w+\.js)", (FLAME / "CMakeLists.txt").read_text()))
    return "".join((FLAME / files[name]).read_text() for name in re.findall(r"(\w+_script)\(\)", order))


def flame_data(tree, file):
    """A tree (name, own bytes, [trees]) as the data of a flame graph; own bytes below zero went."""
    numbers, frames, counts = [], {}, []

    def sums(one):
        own = (max(one[1], 0), max(-one[1], 0))
        below = [sums(tree) for tree in one[2]]
        return tuple(sum(part) for part in zip(own, *below))

    def walk(one, level, next_level):
        gained, lost = sums(one)
        numbers.extend([(next_level - level) * 4 + (2 if lost else 0), frames.setdefault(one[0], len(frames)), gained, *([lost] if lost else [])])
        counts.append(1)
        next_level = level + 1
        for below in one[2]:
            next_level = walk(below, level + 1, next_level)
        return next_level

    walk(tree, 0, 0)
    texts = ["", *frames, file]
    gained, lost = sums(tree)
    return {"labels": ["File: shopd", "Type: inuse_space"], "texts": texts, "frames": [[texts.index(name), len(texts) - 1, 0] for name in frames],
            "views": [{"type": "inuse_space", "unit": "bytes", "gained": gained, "lost": lost, "count": len(counts), "listed": len(counts),
                       "smallest": 0, "boxes": numbers}]}


FLAME_TREE = ("main.main", 0, [
    ("example.com/shop/cart.(*Cart).Add", 12 * MIB, [("example.com/shop/store.(*Map).grow", 90 * MIB, []), ("encoding/json.Marshal", 8 * MIB, [])]),
    ("example.com/shop/serve.Handle", 2 * MIB, [("net/http.(*conn).serve", 5 * MIB, [("bufio.NewReaderSize", 20 * MIB, [])]),
                                                  ("cgo_parse", 1 * MIB, [("std::vector<Item>::reserve", 30 * MIB, [])])])])
FLAME_CHANGE = ("main.main", 0, [
    ("example.com/shop/cart.(*Cart).Add", 2 * MIB, [("example.com/shop/store.(*Map).grow", 38 * MIB, []), ("encoding/json.Marshal", -3 * MIB, [])]),
    ("example.com/shop/serve.Handle", 0, [("net/http.(*conn).serve", -1 * MIB, [("bufio.NewReaderSize", -6 * MIB, [])])])])


class Scene:
    """What there is to see. `gap` leaves frames out, `restart` gives the service a life before this one."""

    def __init__(self, processes=3, trouble="", can_watch=True, restart=True, gap=True):
        self.count = processes
        self.trouble = trouble
        self.can_watch = can_watch
        self.restart = restart
        self.gap = gap

    def head(self, schema, span):
        return {"schema": f"heapwatch.{schema}/1", "from": span[0], "to": span[1], "clock": CLOCK, "live": False, "can_watch": self.can_watch,
                "trouble": self.trouble}

    def life(self, i, kind="process", name=None):
        name = name or ("shopd" if i == 0 else f"worker-{i}")
        return {"life": i + 1, "kind": kind, "service": name, "name": name, "pid": 4000 + i if kind == "process" else 0, "started": CLOCK - 5 * 3600_000,
                "first": CLOCK - 5 * 3600_000, "last": CLOCK, "ended": None, "how": ""}

    @staticmethod
    def times(span, most):
        first = max(span[0], CLOCK - 5 * 3600_000)
        step = max((span[1] - first) // most, 1000)
        return list(range(first, span[1] + 1, step))

    def kept(self, times):
        """The frames that are there: the agent stood still for a while."""
        if not self.gap or len(times) < 20:
            return times
        return [time for i, time in enumerate(times) if not 0.4 <= i / len(times) < 0.5]

    @staticmethod
    def share(time):
        return (time - CLOCK) / 3600_000

    def processes(self, span):
        listed = []
        for i in range(self.count if span[1] > CLOCK - 5 * 3600_000 else 0):
            times = self.kept(self.times(span, 60))
            slope = (40 if i == 0 else (i * 7) % 5 - 2) * MIB
            rss = [int(300 * MIB + (i % 17) * 9 * MIB + slope * self.share(time) + 3 * MIB * math.sin(time / 9e5 + i)) for time in times]
            one = {**self.life(i), "rss_bytes": rss[-1], "growth_bytes_per_hour": slope, "times": times, "rss": rss}
            if i == 0:
                one["verdict"] = self.verdict()
            listed.append(one)
        return {**self.head("processes", span), "processes": listed}

    @staticmethod
    def verdict():
        return {"verdict": "leak", "confidence": "high", "sentence": "leaks 39.8 MiB an hour in Go memory: example.com/shop/store.(*Map).grow "
                "(store/map.go:118) holds it; the limit is reached in 3 h 10 min", "next": ["heapwatch leak 4000", "heapwatch pprof -kind heap localhost:6060"]}

    def memory(self, life, span):
        times = self.kept(self.times(span, 360))
        rows = [("go", "heap", "live", 230, 40), ("go", "heap", "dead", 40, 0), ("go", "runtime", "overhead", 12, 0), ("native", "glibc", "live", 70, 1),
                ("native", "glibc", "held", 25, 0), ("python", "pymalloc", "live", 30, 0), ("files", "", "mapped", 18, 0), ("stacks", "threads", "mapped", 6, 0),
                ("own", "", "mapped", 1, 0), ("unexplained", "", "mapped", 2, 0)]
        columns = [{"space": space, "owner": owner, "state": state,
                    "bytes": [int(base * MIB + slope * MIB * self.share(time) + base * 40_000 * math.sin(time / 6e5 + base)) for time in times]}
                   for space, owner, state, base, slope in rows]
        rss = [sum(row["bytes"][i] for row in columns) for i in range(len(times))]
        lives = [self.life(0)]
        if self.restart:
            lives.insert(0, {**self.life(0), "life": 900, "pid": 3000, "started": CLOCK - 9 * 3600_000, "first": CLOCK - 9 * 3600_000,
                             "last": CLOCK - 5 * 3600_000, "ended": CLOCK - 5 * 3600_000, "how": "killed by signal 9 (out of memory)"})

        def series(name, values):
            return {"name": name, "last": values, "least": values, "greatest": values}

        return {**self.head("memory", span), **self.life(0), "life": life, "times": times, "rows": columns,
                "series": [series("rss", rss), series("rows_rss", rss), series("limit", [1024 * MIB] * len(times)), series("threads", [31] * len(times))],
                "lives": lives, "next": times[-1],
                "events": [{"time": CLOCK - 1800_000, "kind": "verdict", "text": "leak, high confidence", "is_of_process": True},
                           {"time": CLOCK - 2900_000, "kind": "reload", "text": "conf.d was read again", "is_of_process": False}],
                "profiles": [{"time": CLOCK - 3000_000, "kind": "go", "cause": "interval", "bytes": 9000}, {"time": CLOCK, "kind": "go", "cause": "interval", "bytes": 9000}]}

    def of_kind(self, name, columns, kind, life, span):
        return {**self.head("memory", span), **self.life(life - 1, kind, name), "times": columns["times"], "rows": [],
                "series": [{"name": key, "last": values, "least": values, "greatest": values} for key, values in columns["columns"].items()],
                "lives": [], "next": columns["times"][-1], "profiles": [],
                "events": [{"time": CLOCK - 600_000, "kind": "error", "text": "connection refused", "is_of_process": True}]}

    @staticmethod
    def site(function, file, line, size, objects, space=""):
        return {"space": space, "bytes": size, "objects": objects, "stack": [{"function": function, "file": file, "line": line},
                {"function": "main.main", "file": "/src/main.go", "line": 31}]}

    def sites(self):
        return [self.site("example.com/shop/store.(*Map).grow", "/src/store/map.go", 118, 90 * MIB, 410_000),
                self.site("bufio.NewReaderSize", "/usr/lib/go/src/bufio/bufio.go", 55, 20 * MIB, 5_000),
                self.site("encoding/json.Marshal", "/usr/lib/go/src/encoding/json/encode.go", 161, 8 * MIB, 91_000)]

    def growth(self, span):
        memory = self.memory(1, span)
        rows = sorted(({"space": row["space"], "owner": row["owner"], "state": row["state"], "before": row["bytes"][0], "after": row["bytes"][-1],
                        "delta": row["bytes"][-1] - row["bytes"][0]} for row in memory["rows"]), key=lambda row: -abs(row["delta"]))
        return {**self.head("growth", (memory["times"][0], memory["times"][-1])), **self.life(0), "rows": rows, "rss_delta": sum(row["delta"] for row in rows),
                "profiles": [{"kind": "go", "from": CLOCK - 3000_000, "to": CLOCK, "bytes": 38 * MIB, "sites": self.sites()[:2]}]}

    def suspects(self, span):
        times = [CLOCK - (11 - i) * 600_000 for i in range(12)]

        def suspect(site, growth, survival=None, ages=()):
            course = [int(site["bytes"] - growth * MIB * (CLOCK - time) / 3600_000) for time in times]
            return {**site, "ages": [{"seconds": seconds, "bytes": part * MIB} for seconds, part in ages], "survival": survival,
                    "growth_bytes_per_hour": growth * MIB, "course": course}

        go = [suspect(site, growth) for site, growth in zip(self.sites(), (38, -6, 0))]
        native = [suspect(self.site("keep_order", "/src/orders.c", 41, 30 * MIB, 9_000, "native"), 12, 0.998, [(0, 1), (60, 2), (600, 9), (3600, 18)]),
                  suspect(self.site("fill_cache", "/src/cache.c", 77, 12 * MIB, 4_000, "native"), 0, 0.12, [(0, 7), (10, 5)]),
                  {**suspect(self.site("std::vector<Item>::reserve", "/usr/include/c++/12/bits/vector.tcc", 87, 2 * MIB, 3, "native"), 1),
                   "course": [None] * 11 + [2 * MIB], "growth_bytes_per_hour": None}]
        return {**self.head("suspects", span), **self.life(0), "verdict": self.verdict(),
                "profiles": [{"kind": kind, "from": CLOCK, "to": CLOCK, "bytes": size * MIB, "times": times, "sites": sites}
                             for kind, size, sites in (("native", 44, native), ("go", 118, go))]}

    def targets(self, span):
        listed = []
        for i in range(min(self.count, 12)):
            times = self.kept(self.times(span, 60))
            heap = [int(40 * MIB + i * MIB + 8 * MIB * math.sin(time / 3e5 + i) ** 2) for time in times]
            listed.append({**self.life(100 + i, "target", f"http://10.0.0.{i}:6060/debug/vars"), "up": i != 2, "heap_bytes": None if i == 2 else heap[-1],
                           "goroutines": None if i == 2 else 40 + i, "growth_bytes_per_hour": (i - 3) * 100_000, "gc": {"pauses": 120 + i, "total_ns": 9_300_000 + i, "longest_ns": 410_000},
                           "scrapes": {"runs": 240, "errors": 6 if i == 2 else 0, "time_ns_mean": 1_200_000}, "times": times,
                           "columns": {"heap_alloc": heap, "heap_sys": [64 * MIB] * len(times), "goroutines": [40 + i] * len(times),
                                       "gc_pause_longest_ns": [300_000 + k % 7 * 10_000 for k in range(len(times))], "gc_pauses": list(range(100, 100 + len(times)))}})
        return {**self.head("targets", span), "targets": listed}

    def checks(self, span):
        times = self.kept(self.times(span, 60))
        runs = [k * 4 for k in range(len(times))]
        python = [int(3 * MIB + k * 9000) for k in range(len(times))]

        def check(place, name, **more):
            return {**self.life(200 + place, "check", name), "runs": 240, "errors": 0, "warnings": 0, "skipped": 0, "run_time_ns_mean": 2_100_000, "last_error": "",
                    "kept": [], "times": times, "columns": {"runs": runs, "errors": [0] * len(times)}, **more}

        return {**self.head("checks", span), "checks": [
            check(0, "disk_usage", kept=[{"space": "python", "bytes": python[-1], "bytes_per_run": 2250.5, "verdict": "leak", "sentence": "keeps 2.2 KiB each run"}],
                  columns={"runs": runs, "errors": [0] * len(times), "run_time_ns": [k * 9_000_000 for k in range(len(times))], "python": python}),
            check(1, "go_expvar", errors=6, last_error="http://10.0.0.2:6060/debug/vars: connection refused",
                  kept=[{"space": "native", "bytes": 120_000, "bytes_per_run": 0, "verdict": "steady", "sentence": ""}],
                  columns={"runs": runs, "errors": [min(k, 6) for k in range(len(times))], "native": [120_000] * len(times)}),
            check(2, "memory", warnings=2, skipped=1)]}

    def answer(self, path, query):
        """JSON, or None."""
        numbers = {key: int(values[0]) for key, values in query.items() if re.fullmatch(r"-?\d+", values[0])}
        span = (numbers.get("from", CLOCK - 3600_000), numbers.get("to", CLOCK))
        if path in ("processes", "targets", "checks"):
            return getattr(self, path)(span)
        what, _, _pid = path.partition("/")
        if what == "memory":
            life = numbers.get("life", 1)
            for kind in ("targets", "checks"):
                for one in getattr(self, kind)(span)[kind]:
                    if one["life"] == life:
                        return self.of_kind(one["name"], one, kind[:-1], life, span)
            return self.memory(life, span)
        if what in ("growth", "suspects"):
            return getattr(self, what)(span)
        if what == "profile":
            return flame_data(FLAME_CHANGE if "base" in query else FLAME_TREE, "/src/shop.go")
        return None


class PageServer:
    """Serves a scene on a free port of the loopback until close()."""

    def __init__(self, scene, port=0):
        self.scene = scene
        self.posted = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # noqa: N802
                outer.get(self)

            def do_POST(self):  # noqa: N802
                outer.posted.append((self.path, self.headers["Content-Type"], self.rfile.read(int(self.headers["Content-Length"])).decode()))
                reply(self, 200, "application/json", json.dumps({"schema": "heapwatch.watch/1", "pid": 77, "watched": True, "name": "shopd"}))

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.site = f"http://127.0.0.1:{self._server.server_port}/"

    def get(self, handler):
        url = urllib.parse.urlsplit(handler.path)
        if url.path.startswith("/api/v1/"):
            answer = self.scene.answer(url.path.removeprefix("/api/v1/"), urllib.parse.parse_qs(url.query))
            reply(handler, 200 if answer else 404, "application/json", json.dumps(answer) if answer else "there is no such page\n")
            return
        name = "index.html" if url.path == "/" else url.path.removeprefix("/web/")
        if name == "flame.js":
            reply(handler, 200, TYPES[".js"], flame_script())
            return
        file = {"flame.css": FLAME / "flame.css", "dygraph.js": DYGRAPHS / "dygraph.min.js", "dygraph.css": DYGRAPHS / "dygraph.min.css"}.get(name, PAGE / name)
        if file.parent in (PAGE, FLAME, DYGRAPHS) and file.is_file():
            reply(handler, 200, TYPES[file.suffix], file.read_text())
        else:
            reply(handler, 404, "text/plain", "the page has no such part\n")

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def reply(handler, status, content_type, body):
    handler.send_response(status)
    handler.send_header("Content-Type", content_type)
    handler.send_header("Content-Security-Policy", policy())
    handler.end_headers()
    handler.wfile.write(body.encode())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--processes", type=int, default=3)
    arguments = parser.parse_args()
    server = PageServer(Scene(arguments.processes), arguments.port)
    print(server.site, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
