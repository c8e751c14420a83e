"""The corpus of programs that leak and that do not, and what `heapwatch leak` says of them."""
import dataclasses
import json
import os
import pathlib
import subprocess
import threading
import time

KIB = 1024
MIB = 1024 * KIB
HERE = pathlib.Path(__file__).parent


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    program: str  # a key of commands()
    mode: str
    rate: int  # bytes a second of the quick form
    space: str = ""  # of the leak; none: it does not leak
    site: str = ""  # the function that is named when the program was started under the watch
    record: int = 0  # bytes of one record, of programs that are told what to keep


LEAKS = [
    Case("c_malloc", "c", "leak_malloc", 400 * KIB, "native", "leak_malloc"),
    Case("c_list", "c", "leak_list", 400 * KIB, "native", "leak_list"),
    Case("c_vector", "c", "leak_vector", 400 * KIB, "native", "leak_vector"),
    Case("c_bursty", "c", "leak_bursty", 400 * KIB, "native", "leak_bursty"),
    Case("c_noisy", "c", "leak_noisy", 400 * KIB, "native", "leak_noisy"),
    Case("c_mmap", "c", "leak_mmap", 1 * MIB, "mmap", "leak_mmap"),
    Case("c_threads", "c", "leak_threads", 256 * KIB, "stack", "leak_threads"),
    Case("c_unjoined", "c", "leak_unjoined", 256 * KIB, "stack", "leak_unjoined"),
    Case("c_descriptors", "c", "leak_descriptors", 400 * KIB, "files"),
    Case("c_sockets", "c", "leak_sockets", 400 * KIB, "files"),
    Case("cxx_objects", "cxx", "leak_objects", 400 * KIB, "native", "leak_objects"),
    Case("cxx_map", "cxx", "leak_map", 400 * KIB, "native", "leak_map"),
    Case("cxx_cycles", "cxx", "leak_cycles", 400 * KIB, "native", "leak_cycles"),
    Case("cxx_lines", "cxx", "leak_lines", 400 * KIB, "native", "leak_lines"),
    Case("python_objects", "python", "leak_objects", 400 * KIB, "python", "leak_objects"),
    Case("python_strings", "python", "leak_strings", 400 * KIB, "python", "leak_strings"),
    Case("python_dict", "python", "leak_dict", 400 * KIB, "python", "leak_dict"),
    Case("python_buffers", "python", "leak_buffers", 400 * KIB, "python", "leak_buffers"),
    Case("python_uncollected", "python", "leak_cycles", 400 * KIB, "python", "__init__"),
    Case("python_callbacks", "python", "leak_callbacks", 400 * KIB, "python", "leak_callbacks"),
    Case("python_memo", "python", "leak_memo", 400 * KIB, "python", "answer"),
    Case("python_extension", "python", "leak_extension", 400 * KIB, "native", "forget_block"),
    Case("go_heap", "go", "leak_heap", 400 * KIB, "go", "main.keep"),
    Case("go_map", "go", "leak_map", 400 * KIB, "go", "main.remember"),
    Case("go_headers", "go", "leak_headers", 400 * KIB, "go"),
    Case("go_goroutines", "go", "leak_goroutines", 400 * KIB, "goroutine", "main.wait"),
    Case("three_c", "three", "c", 400 * KIB, "native", "session_new", 3024),
    Case("three_lost", "three", "lost", 400 * KIB, "native", "session_new", 3024),
    Case("three_python", "three", "python", 400 * KIB, "python", "leak", 210),  # its __init__, or who calls it
]
OTHERS = [
    Case("c_cache", "c", "cache", 1 * MIB),
    Case("c_ring", "c", "ring", 1 * MIB),
    Case("c_fragmentation", "c", "fragmentation", 1),
    Case("c_bursts", "c", "bursts", 1),
    Case("c_ramp", "c", "ramp", 1 * MIB),
    Case("c_steady", "c", "steady", 1),
    Case("c_thread_pool", "c", "thread_pool", 1),
    Case("c_arenas", "c", "arenas", 1),
    Case("c_mappings", "c", "mappings", 1),
    Case("c_files", "c", "files", 1),
    Case("c_startup", "c", "startup", 1),
    Case("c_load_cycle", "c", "load_cycle", 1),
    Case("c_steps", "c", "steps", 1),
    Case("cxx_lru", "cxx", "lru", 1 * MIB),
    Case("cxx_sessions", "cxx", "sessions", 1 * MIB),
    Case("cxx_pool", "cxx", "pool", 400 * KIB),
    Case("cxx_queue", "cxx", "queue", 1 * MIB),
    Case("python_bounded", "python", "bounded", 1 * MIB),
    Case("python_cache", "python", "cache", 1 * MIB),
    Case("python_cycles", "python", "cycles", 400 * KIB),
    Case("python_batches", "python", "batches", 400 * KIB),
    Case("python_sessions", "python", "sessions", 400 * KIB),
    Case("python_memo_bounded", "python", "memo", 400 * KIB),
    Case("python_reports", "python", "reports", 400 * KIB),
    Case("python_extension_lends", "python", "extension", 400 * KIB),
    Case("go_garbage", "go", "garbage", 400 * KIB),
    Case("go_cache", "go", "cache", 1 * MIB),
    Case("go_slow_garbage", "go", "slow_garbage", 100 * KIB),
    Case("go_workers", "go", "workers", 400 * KIB),
    Case("go_few_collections", "go", "few_collections", 400 * KIB),
    Case("go_pool", "go", "pool", 400 * KIB),
    Case("go_load_cycle", "go", "load_cycle", 1),
    Case("three_steady", "three", "", 1),
]
ALL = [*LEAKS, *OTHERS]


class Program:
    """One program of the corpus, running; it ends with this. `watched_by`: what starts it, if anything."""

    def __init__(self, command, case, seed, rate=None, watched_by=(), environment=None):
        self.case = case
        self.rate = rate or case.rate
        self.watched_by = list(watched_by)
        arguments = [] if case.program == "three" else [case.mode, str(seed), str(self.rate)]
        # A watch prints its answer there, and the program what it has to say with our errors.
        self.process = subprocess.Popen([*watched_by, *command, *arguments], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE if watched_by else None, text=True,
                                        env={**os.environ, **(environment or {})})
        self.address = None
        self.pid = self.process.pid
        if not watched_by:
            words = self.process.stdout.readline().split()
            if words[:1] != ["ready"]:
                raise AssertionError(f"{case.name}: not ready")
            self.address = words[1] if len(words) > 1 else None
        self.ended = threading.Event()
        self.feeder = threading.Thread(target=self.feed, daemon=True) if case.program == "three" and case.mode else None
        if self.feeder:
            self.feeder.start()

    def feed(self):
        """Tells it what to keep, as time goes by."""
        began, told = time.monotonic(), 0
        while not self.ended.wait(0.2):
            due = int((time.monotonic() - began) * self.rate / self.case.record)
            try:
                self.process.stdin.write(f"{self.case.mode} {due - told}\n")
                self.process.stdin.flush()
            except OSError:
                return
            told = due
            if not self.watched_by:
                self.process.stdout.readline()

    def __enter__(self):
        return self

    def answer(self):
        """Of a program that a watch has started: its judgement."""
        # Its input stays open: most end when that does.
        out, err = self.process.stdout.read(), self.process.stderr.read()
        if self.process.wait() != 0:
            raise AssertionError(f"heapwatch leak ended with {self.process.returncode}: {err}")
        return json.loads(out)

    def __exit__(self, *_):
        self.ended.set()
        if self.process.poll() is None:
            self.process.terminate() if self.watched_by else self.process.kill()
            self.process.wait()
        if self.feeder:
            self.feeder.join()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                try:
                    stream.close()
                except OSError:
                    pass


def commands(c_program, cxx_program, go_program, three_program, extension_folder):
    return {"c": [c_program], "cxx": [cxx_program], "go": [go_program], "three": [three_program],
            "python": ["/usr/bin/env", f"PYTHONPATH={extension_folder}", "/usr/bin/python3", "-B",
                       str(HERE / "python_program.py")]}


def start_watch(heapwatch, programs, length, every=None, options=()):
    """Watches programs, by pid, and by the page that one serves."""
    targets = [target for one in programs for target in ([str(one.pid)] + ([one.address] if one.address else []))]
    pace = ["--every", every] if every else []
    return subprocess.Popen([heapwatch, "leak", *targets, "--for", length, *pace, "--json", *options],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def judgements(watch):
    out, err = watch.communicate()
    if watch.returncode != 0:
        raise AssertionError(f"heapwatch leak ended with {watch.returncode}: {err}")
    answer = json.loads(out)
    return {one["target"]["pid"]: one for one in (answer if isinstance(answer, list) else [answer])}


def is_right(judgement, space):
    """Whether it says what it must of a leak in this space; of no leak where the space is empty."""
    if not space:
        return judgement["verdict"] != "leak" and all(one["verdict"] != "leak" for one in judgement["findings"])
    return judgement["verdict"] == "leak" and judgement["space"] == space


def names_site(judgement, case):
    """Whether the first line names the function; of calls that the compiler has inlined, the stack from there on."""
    if not case.site:
        return True
    site = judgement["site"]
    if site is None:
        return False
    named = {key: site[key] for key in ("function", "file", "line")}
    place = next(i for i, frame in enumerate(site["stack"]) if named.items() <= frame.items())
    return any(case.site in frame["function"] for frame in site["stack"][place:place + 4])
