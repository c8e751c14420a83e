"""What `heapwatch exec` costs Python programs, beside tracemalloc: prints the table of docs/performance-memtrack.md.

    bench.py BUILD [--python PYTHON]... [--rounds N] [--smoke]
    bench.py BUILD --instructions [--python PYTHON]...

BUILD is the folder of the bench preset. Each program says what CPU time it took, user and system, from its start to its
end: in turn alone, under `heapwatch exec` at the default interval, and with tracemalloc tracing one frame; the least of the
rounds counts. With --instructions it is the instructions that valgrind counts, which do not depend on what else the machine
does, of the programs in their shortest form. The programs are small forms of those that CPython is measured with: objects, calls, text, JSON, regular
expressions, pickles.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

PROGRAMS = {
    "calls (richards-like)": """
class Task:
    def __init__(self, n): self.n, self.next = n, None
    def run(self, k): return self.n + k if k < 3 else self.next.run(k - 1)
first = Task(1); first.next = first
s = 0
for i in range(300_000 * N): s += first.run(i % 6)
""",
    "numbers (nbody-like)": """
x, v = [float(i) for i in range(50)], [0.0] * 50
for _ in range(400 * N):
    for i in range(50):
        d = x[i] - x[i - 1]
        v[i] -= d * 0.01 / (d * d + 0.1)
        x[i] += v[i] * 0.01
""",
    "objects (binary trees)": """
def tree(d): return (tree(d - 1), tree(d - 1)) if d else None
for _ in range(25 * N): tree(14)
""",
    "dicts and text": """
for _ in range(15 * N):
    d = {}
    for i in range(30_000):
        k = "key %d" % (i % 5000)
        d[k] = d.get(k, 0) + len(k.upper().split())
""",
    "JSON": """
import json
d = [{"id": i, "name": "n%d" % i, "tags": ["a", "b", str(i)], "nested": {"x": [i] * 8}} for i in range(2000)]
for _ in range(25 * N): d = json.loads(json.dumps(d))
""",
    "regular expressions": """
import re
text = " ".join("user%d@example%d.com, some words" % (i, i % 7) for i in range(3000))
for _ in range(30 * N): len([m.group(1).lower() for m in re.finditer(r"(\\w+)@(\\w+)\\.com", text)])
""",
    "pickles": """
import pickle
d = [(i, str(i), {"a": i, "b": [i, i + 1.5]}) for i in range(8000)]
for _ in range(25 * N): d = pickle.loads(pickle.dumps(d))
""",
    "sorting and lists": """
import random
r = random.Random(1)
for _ in range(12 * N):
    a = [(r.random(), i) for i in range(20_000)]
    a.sort(key=lambda p: p[0])
    b = [str(x) for x in a[:5000]]
""",
}


def cpu_time(command):
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=300)
    return float(done.stdout.split()[-1])


def instructions(command, watcher=()):
    """The sum over all processes that valgrind runs: the program alone, since what watches it is none of them."""
    environment = dict(os.environ, PYTHONHASHSEED="0")
    counted = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command]
    done = subprocess.run([*watcher, *counted], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          timeout=600, env=environment)
    return int(re.search(r"Collected : (\d+)", done.stderr)[1])


def count(build, python, folder):
    print(f"| {pathlib.Path(python).resolve()} | instructions alone | `heapwatch exec` |\n|---|---|---|")
    product = 1.0
    for name, text in PROGRAMS.items():
        program = folder / "program.py"
        program.write_text(f"N = 1\n{text}\n")
        alone = instructions([python, str(program)])
        watched = instructions([python, str(program)], [str(build / "agent" / "heapwatch-agent"), "exec", "--"])
        product *= watched / alone
        print(f"| {name} | {alone / 1e6:.0f} million | {watched / alone:.3f} |", flush=True)
    print(f"| **geometric mean** | | **{product ** (1 / len(PROGRAMS)):.3f}** |\n")


def measure(build, python, rounds, work, folder):
    print(f"| {pathlib.Path(python).resolve()} | alone | `heapwatch exec` | tracemalloc |\n|---|---|---|---|")
    products = [1.0, 1.0]
    for name, text in PROGRAMS.items():
        program = folder / "program.py"
        program.write_text(f"N = {work}\n{text}\nimport time\nprint(time.process_time())\n")
        alone = [python, str(program)]
        variants = [alone, [str(build / "agent" / "heapwatch-agent"), "exec", "--", *alone],
                    [python, "-X", "tracemalloc=1", str(program)]]
        least = [float("inf")] * len(variants)
        for _ in range(rounds):
            least = [min(time, cpu_time(variant)) for time, variant in zip(least, variants)]
        ratios = [time / least[0] for time in least[1:]]
        products = [product * ratio for product, ratio in zip(products, ratios)]
        print(f"| {name} | {least[0]:.2f} s | {ratios[0]:.2f} | {ratios[1]:.2f} |", flush=True)
    means = [product ** (1 / len(PROGRAMS)) for product in products]
    print(f"| **geometric mean** | | **{means[0]:.2f}** | {means[1]:.2f} |\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--python", action="append")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--work", type=int, default=4)
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--instructions", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for python in options.python or ["/usr/bin/python3"]:
            if options.instructions:
                count(options.build.resolve(), python, pathlib.Path(folder))
                continue
            measure(options.build.resolve(), python, 1 if options.smoke else options.rounds,
                    1 if options.smoke else options.work, pathlib.Path(folder))


if __name__ == "__main__":
    sys.exit(main())
