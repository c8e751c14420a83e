"""symbols_cli beside addr2line, of binutils and of LLVM: 10,000 addresses of the code of each file, in one run.

    symbols_bench.py SYMBOLS_CLI [--addresses 10000] [--timeout 300] FILE...

Prints a row for each file and reader, and ends with 1 when ours takes more than 2 s or 300 MB of a file.
"""
import argparse
import pathlib
import random
import re
import subprocess
import sys
import tempfile

SECONDS_MAX, MB_MAX = 2, 300


def code_of(path):
    sections = subprocess.run(["readelf", "-SW", path], capture_output=True, text=True, check=True).stdout
    return (int(word, 16) for word in re.search(r"\] \.text +\S+ +(\w+) \w+ (\w+)", sections).groups())


def measure(command, text, timeout):
    """Processor seconds and MiB; nothing when it takes too long."""
    with tempfile.NamedTemporaryFile() as figures:
        try:
            subprocess.run(["time", "-q", "-f", "%U %S %M", "-o", figures.name, *command], input=text, text=True,
                           stdout=subprocess.DEVNULL, timeout=timeout, check=True)
        except subprocess.TimeoutExpired:
            return None
        user_s, system_s, kib = map(float, figures.read().split())
    return user_s + system_s, kib / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cli")
    parser.add_argument("files", nargs="+")
    parser.add_argument("--addresses", type=int, default=10_000)
    parser.add_argument("--timeout", type=int, default=300)
    arguments = parser.parse_args()
    missed = False
    print("| file | reader | seconds | MB |\n|---|---|---|---|")
    for file in arguments.files:
        start, size = code_of(file)
        chance = random.Random(1)
        text = "\n".join(hex(start + chance.randrange(size)) for _ in range(arguments.addresses))
        for name, command in (("heapwatch", [arguments.cli, file]), ("addr2line", ["addr2line", "-aif", "-e", file]),
                              ("llvm-addr2line", ["llvm-addr2line", "-aif", "-e", file])):
            taken = measure(command, text, arguments.timeout)
            figures = f"more than {arguments.timeout} | |" if taken is None else f"{taken[0]:.2f} | {taken[1]:.0f} |"
            print(f"| {pathlib.Path(file).name} | {name} | {figures}", flush=True)
            if name == "heapwatch":
                missed = missed or taken is None or taken[0] > SECONDS_MAX or taken[1] > MB_MAX
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
