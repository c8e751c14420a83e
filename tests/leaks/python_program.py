"""Programs of the corpus in plain CPython: python_program.py MODE SEED BYTES_PER_SECOND."""
import collections
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


def main():
    mode, seed, rate = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    random.seed(seed)
    print("ready", flush=True)
    globals()[mode](rate)


main()
