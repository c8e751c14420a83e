"""The corpus of programs that leak and that do not, and what `heapwatch leak` says of them."""
import json
import pathlib
import subprocess
import sys

KIB = 1024
MIB = 1024 * KIB

# name, program, mode, bytes a second of the quick form, the space of the leak ("" for none), words that may be said
LEAKS = [
    ("c_malloc", "c", "leak_malloc", 400 * KIB, "native"),
    ("c_list", "c", "leak_list", 400 * KIB, "native"),
    ("c_mmap", "c", "leak_mmap", 1 * MIB, "mmap"),
    ("c_threads", "c", "leak_threads", 256 * KIB, "stack"),
    ("c_descriptors", "c", "leak_descriptors", 400 * KIB, "files"),
    ("cxx_objects", "cxx", "leak_objects", 400 * KIB, "native"),
    ("cxx_map", "cxx", "leak_map", 400 * KIB, "native"),
    ("python_objects", "python", "leak_objects", 400 * KIB, "python"),
    ("python_strings", "python", "leak_strings", 400 * KIB, "python"),
    ("python_dict", "python", "leak_dict", 400 * KIB, "python"),
    ("python_buffers", "python", "leak_buffers", 400 * KIB, "python"),
    ("go_heap", "go", "leak_heap", 400 * KIB, "go"),
    ("go_goroutines", "go", "leak_goroutines", 400 * KIB, "goroutine"),
]
OTHERS = [
    ("c_cache", "c", "cache", 1 * MIB),
    ("c_ring", "c", "ring", 1 * MIB),
    ("c_fragmentation", "c", "fragmentation", 1),
    ("c_bursts", "c", "bursts", 1),
    ("c_ramp", "c", "ramp", 1 * MIB),
    ("c_steady", "c", "steady", 1),
    ("cxx_lru", "cxx", "lru", 1 * MIB),
    ("cxx_sessions", "cxx", "sessions", 1 * MIB),
    ("python_bounded", "python", "bounded", 1 * MIB),
    ("python_cache", "python", "cache", 1 * MIB),
    ("python_cycles", "python", "cycles", 400 * KIB),
    ("python_batches", "python", "batches", 400 * KIB),
    ("go_garbage", "go", "garbage", 400 * KIB),
    ("go_cache", "go", "cache", 1 * MIB),
    ("go_slow_garbage", "go", "slow_garbage", 100 * KIB),
]


class Program:
    """One program of the corpus, running; it ends with this."""

    def __init__(self, command, mode, seed, rate):
        self.process = subprocess.Popen([*command, mode, str(seed), str(rate)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        words = self.process.stdout.readline().split()
        if words[:1] != ["ready"]:
            raise AssertionError(f"{mode}: not ready")
        self.address = words[1] if len(words) > 1 else None
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def commands(c_program, cxx_program, go_program):
    here = pathlib.Path(__file__).parent
    return {"c": [c_program], "cxx": [cxx_program], "go": [go_program],
            "python": ["/usr/bin/python3", "-B", str(here / "python_program.py")]}


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
