"""heapwatch pprof beside `go tool pprof`, in one run: processor time and memory of each command on each shape.

    pprof_bench.py HEAPWATCH [--shapes L1 L4] [--commands top tree svg diff_base] [--scale 1]

Shapes come from pprof_shapes.go; `small` is the live heap of a Go program. Prints a row for each command, and ends
with 1 when a bar is missed: twenty times faster and a tenth of the memory; for `small` as fast, and a tenth of the
51 MB that the newest pprof takes; `-top` of L2 within three times what gunzip takes. Ours is the best of several runs,
the peer runs once.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
COMMANDS = {"top": ["-top"], "tree": ["-tree"], "svg": ["-svg"], "diff_base": ["-top", "-diff_base=BASE"]}
SHAPES = ["small", "L1", "L3", "L4", "L2"]
TIMES_FASTER, TIMES_SMALLER, GUNZIPS = 20, 10, 3
OUR_RUNS = 3
SMALL_MB = 5.1
TICK_S = 0.02  # what counts as no difference between two short runs


def measure(*command):
    """Processor seconds, MiB at most, and how long it took."""
    with tempfile.NamedTemporaryFile() as figures:
        # GNU time, since what this process holds would count as the child's before it becomes another program.
        done = subprocess.run(["time", "-q", "-f", "%U %S %M %e", "-o", figures.name, *command],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(map(str, command))}: {done.stderr.decode(errors='replace')}")
        user_s, system_s, kib, wall_s = map(float, figures.read().split())
    return user_s + system_s, kib / 1024, wall_s


def make_profiles(folder, shapes, scale):
    environment = {**os.environ, "GO111MODULE": "off", "GOFLAGS": "", "GOCACHE": str(folder / "cache")}

    def build(name, source):
        subprocess.run(["go", "build", "-o", folder / name, source], check=True, env=environment)
    if "small" in shapes:
        build("program", HERE.parent / "pprof" / "go_profiles" / "main.go")
        for name in ("small", "small.base"):
            subprocess.run([folder / "program", folder], check=True)
            (folder / "heap.pb.gz").rename(folder / f"{name}.pb.gz")
    if shapes != ["small"]:
        build("shapes", HERE / "pprof_shapes.go")
    for shape in shapes:
        if shape == "small":
            continue
        for name, words in ((shape, []), (f"{shape}.base", ["base"])):
            with open(folder / f"{name}.pb.gz", "wb") as file:
                subprocess.run([folder / "shapes", shape, *words], check=True, stdout=file,
                               env={**os.environ, "SCALE": str(scale)})


def compare(heapwatch, folder, shape, command):
    profile = str(folder / f"{shape}.pb.gz")
    options = [word.replace("BASE", str(folder / f"{shape}.base.pb.gz")) for word in COMMANDS[command]]
    ours = [measure(heapwatch, "pprof", *options, profile) for _ in range(OUR_RUNS)]
    our_s, our_mb, our_wall = (min(each) for each in zip(*ours))
    tool = subprocess.run(["go", "tool", "-n", "pprof"], check=True, capture_output=True, text=True).stdout.strip()
    their_s, their_mb, their_wall = measure(tool, "-symbolize=none", *options, profile)
    print(f"{shape:5} {command:9} {our_s:8.2f} s {our_wall:8.2f} s {our_mb:8.1f} MB | {their_s:8.2f} s "
          f"{their_wall:8.2f} s {their_mb:8.1f} MB | {their_s / max(our_s, .001):6.1f} x faster, "
          f"{their_mb / our_mb:5.1f} x smaller", flush=True)
    missed = []
    if shape == "small":
        if our_s > their_s + TICK_S:
            missed.append("as fast")
        if our_mb > SMALL_MB and command != "svg":  # Graphviz is in our process, and a program of its own beside theirs
            missed.append(f"below {SMALL_MB} MB")
    elif their_s < TIMES_FASTER * our_s:
        missed.append(f"{TIMES_FASTER} times faster")
    if shape != "small" and their_mb < TIMES_SMALLER * our_mb:
        missed.append(f"{TIMES_SMALLER} times smaller")
    if shape == "L2" and command == "top":
        gunzip_s = min(measure("zcat", profile)[0] for _ in range(OUR_RUNS))
        print(f"L2    gunzip    {gunzip_s:8.2f} s, of which -top takes {our_s / gunzip_s:.2f} times as much")
        if our_s > GUNZIPS * gunzip_s:
            missed.append(f"within {GUNZIPS} times gunzip")
    return [f"-{command} of {shape} is not {what}" for what in missed]


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("heapwatch")
    words.add_argument("--shapes", nargs="+", choices=SHAPES, default=SHAPES)
    words.add_argument("--commands", nargs="+", choices=list(COMMANDS), default=list(COMMANDS))
    words.add_argument("--scale", type=float, default=1,
                       help="part of the samples of a shape; with another than 1 no bar is held")
    asked = words.parse_args()
    missed = []
    with tempfile.TemporaryDirectory(prefix="heapwatch-bench-") as name:
        folder = pathlib.Path(name)
        make_profiles(folder, asked.shapes, asked.scale)
        print("                heapwatch pprof: cpu, wall, memory | go tool pprof: cpu, wall, memory")
        for shape in asked.shapes:
            for command in asked.commands:
                missed += compare(os.path.abspath(asked.heapwatch), folder, shape, command)
    if not missed or asked.scale != 1:
        return 0
    print(*missed, sep="\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
