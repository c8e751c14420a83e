"""A Python program whose memory is looked at from outside: prints the allocator's own statistics, then waits."""
import gc
import os
import signal
import sys
import threading

os.dup2(1, 2)  # the statistics go to stderr
ready = b"ready\n"
stats = sys._debugmallocstats
write = os.write
pause = signal.pause

keep = [{str(i): [i, (i, str(i))]} for i in range(30000)]
texts = [("x" * (i % 480)) for i in range(60000)]
del texts[::3]
holes = [object() for _ in range(100000)]
del holes[::7]
class Sample:
    def __init__(self, value):
        self.value = value


class Slotted:
    __slots__ = ("value",)


samples = [Sample(i) for i in range(1234)]
slotted = [Slotted() for _ in range(777)]
gone = [bytearray(100) for _ in range(50000)]
del gone
gc.collect()
gc.disable()
if len(sys.argv) > 1:  # a thread that has allocated, too
    thread = threading.Thread(target=lambda: keep.append([0] * 30))
    thread.start()
    thread.join()
count = {}
for one in gc.get_objects():
    count[type(one).__name__] = count.get(type(one).__name__, 0) + 1
for name in ("Sample", "list", "dict"):
    print("of type", name, "=", count[name], flush=True)
del count, one, name
stats()
write(1, ready)
while True:
    pause()
