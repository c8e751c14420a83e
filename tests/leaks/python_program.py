"""Programs of the corpus in plain CPython: python_program.py MODE SEED BYTES_PER_SECOND."""
import collections
import functools
import gc
import random
import select
import sys
import time


class Session:
    def __init__(self, number):
        self.number = number
        self.name = f"session {number}"


class Node:
    def __init__(self):
        self.text = "x" * 200
        self.itself = self


def turns(rate, size):
    """A number for each turn that is due, until the standard input ends."""
    began = time.monotonic()
    done = 0
    while not select.select([sys.stdin], [], [], 0.1)[0]:
        while done * size < (time.monotonic() - began) * rate:
            yield done
            done += 1


kept = []


def leak_objects(rate):
    for number in turns(rate, 230):
        kept.append(Session(number))


def leak_strings(rate):
    for number in turns(rate, 5000):
        kept.append(f"{number} " + "x" * (4000 + random.randrange(2000)))


def leak_dict(rate):
    table = {}
    for number in turns(rate, 330):
        table[number] = (number, "x" * random.randrange(100, 300))


def leak_buffers(rate):
    for _ in turns(rate, 20_000):
        kept.append(bytearray(20_000))


def leak_cycles(rate):
    """Cycles, and nobody who collects them."""
    gc.disable()
    for _ in turns(rate, 500):
        Node()


def leak_callbacks(rate):
    """Each request leaves a callback behind, with what it has seen."""
    for number in turns(rate, 900):
        body = [number] * 80
        kept.append(lambda body=body: len(body))


def leak_memo(rate):
    @functools.lru_cache(maxsize=None)
    def answer(number):
        return "x" * (200 + number % 400)
    for number in turns(rate, 560):
        answer(number)


def leak_extension(rate):
    """Memory of a C extension that it never gives back."""
    import leaks_extension
    for _ in turns(rate, 3000):
        leaks_extension.keep(3000)


def sessions(rate):
    """Each lasts some seconds."""
    table = {}
    for number in turns(rate, 500):
        table[number] = Session(number)
        table.pop(number - random.randrange(2000, 6000), None)
        if len(table) > 8000:
            for old in sorted(table)[:4000]:
                del table[old]


def memo(rate):
    @functools.lru_cache(maxsize=2000)
    def answer(number):
        return "x" * (200 + number % 400)
    for _ in turns(rate, 560):
        answer(random.randrange(100_000))


def extension(rate):
    """A C extension that gives back what it takes."""
    import leaks_extension
    for _ in turns(rate, 3000):
        leaks_extension.lend(3000)


def reports(rate):
    """A large report now and then, which is dropped when it is sent."""
    for number in turns(rate, 40_000):
        report = [str(n) for n in range(20_000)] if number % 20 == 0 else None
        del report


def bounded(rate):
    last = collections.deque(maxlen=20_000)
    for number in turns(rate, 300):
        last.append((number, "x" * random.randrange(100, 300)))


def cache(rate):
    table = {}
    for _ in turns(rate, 400):
        table[random.randrange(10_000)] = "x" * random.randrange(200, 500)


def cycles(rate):
    """Garbage that only the collector takes."""
    for _ in turns(rate, 500):
        Node()


def batches(rate):
    """A batch is made, worked on and dropped."""
    batch = []
    for number in turns(rate, 300):
        batch.append((number, "x" * random.randrange(100, 300)))
        if len(batch) >= 8000:
            batch = []


def busy(_):
    """As many requests as one core serves; at the end it says how many."""
    table = {number: Session(number) for number in range(100_000)}
    served = 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        for number in range(1000):
            table[(served + number) % 100_000] = Session(number)
        served += 1000
    print("served", served, flush=True)


def main():
    mode, seed, rate = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    random.seed(seed)
    print("ready", flush=True)
    globals()[mode](rate)


main()
