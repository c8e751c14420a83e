"""Makes incident files of processes that never were: for tests and benchmarks that need more history than they can wait for."""
import io
import json
import tarfile

TIERS = {"measured": 10_000, "minute": 60_000, "hour": 3_600_000}  # ms between frames
FRAMES_OF_BLOCK = 360


def _count(out, value):
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def _list(out, numbers):
    """Numbers that may be negative, folded; runs of zeros counted."""
    zeros = 0
    for number in [*numbers, None]:
        if number == 0:
            zeros += 1
            continue
        if zeros:
            _count(out, 0)
            _count(out, zeros - 1)
            zeros = 0
        if number is not None:
            _count(out, number << 1 if number >= 0 else (-number << 1) - 1)


def _steady(values):
    """The first, then the difference, then by how much the difference changed."""
    changes, before, difference = [], 0, 0
    for i, value in enumerate(values):
        now = value - before
        changes.append(now - difference)
        before, difference = value, 0 if i == 0 else now
    return changes


def block(times, columns):
    """Frames as history/frames.h has them, of one lane: columns are {series: [value or None, ...]}."""
    out = bytearray([1, 1])
    _count(out, len(times))
    _count(out, len(columns))
    _list(out, _steady(times))
    for series, values in columns.items():
        _count(out, series)
        run, now = 0, False
        for value in values:
            if (value is not None) != now:
                _count(out, run)
                run, now = 0, not now
            run += 1
        _count(out, run)
        _list(out, _steady([value for value in values if value is not None]))
    return bytes(out)


class IncidentFile:
    """The file of `heapwatch history export`, made up."""

    def __init__(self, path):
        self.path = path
        self.lives, self.series, self.profiles, self.events, self.files = [], [], [], [], []

    def series_number(self, name):
        if name not in self.series:
            self.series.append(name)
        return self.series.index(name)

    def life(self, pid, name, times, values, tier="measured", ended=None, kind="process", service=None):
        """`values` are {series: [value or None, ...]}, as long as `times`. Returns the life's number."""
        number = len(self.lives) + 1
        self.lives.append({"number": number, "identity": f"made/{number}/{pid}", "kind": kind, "service": service or f"service:{name}",
                           "name": name, "pid": pid, "started": times[0], "first": times[0], "last": times[-1], "ended": ended, "how": ""})
        columns = {self.series_number(series): values[series] for series in values}
        for at in range(0, len(times), FRAMES_OF_BLOCK):
            some = slice(at, at + FRAMES_OF_BLOCK)
            self.files.append((f"frames/{number}-{tier}-{at}", block(times[some], {key: column[some] for key, column in columns.items()
                                                                                    if any(one is not None for one in column[some])})))
        return number

    def event(self, life, time, kind, text):
        self.events.append({"life": life, "time": time, "kind": kind, "text": text})

    def profile(self, life, time, kind, data, cause="schedule"):
        file = f"profiles/{len(self.profiles) + 1}-{kind}.pb.gz"
        self.profiles.append({"file": file, "life": life, "time": time, "kind": kind, "cause": cause})
        self.files.append((file, data))

    def write(self):
        manifest = {"schema": "heapwatch.incident/1", "heapwatch": "made", "made": 0, "from": min(one["first"] for one in self.lives),
                    "to": max(one["last"] for one in self.lives), "lives": self.lives, "series": self.series, "profiles": self.profiles,
                    "events": self.events}
        with tarfile.open(self.path, "w", format=tarfile.USTAR_FORMAT) as tar:
            for name, data in [("heapwatch.json", json.dumps(manifest).encode()), *self.files]:
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        return self.path


def day_of(path, processes, end, hours=24):
    """A day of so many processes: RSS that grows, and a picture of ten rows each minute that meets it."""
    incident = IncidentFile(path)
    states = [("native", "glibc", "live"), ("native", "glibc", "free"), ("go", "heap", "live"), ("go", "heap", "free"),
              ("python", "pymalloc", "live"), ("stacks", "threads", "used"), ("files", "lib/a.so", "mapped"),
              ("files", "lib/b.so", "mapped"), ("own", "own", "own"), ("unexplained", "unknown", "mapped")]
    frames = hours * 360
    times = [end - (frames - 1 - i) * TIERS["measured"] for i in range(frames)]
    for process in range(processes):
        rss = [50_000_000 + process * 1_000_000 + i * (process % 7) * 100 + i * 7919 % 4096 for i in range(frames)]
        values = {"rss": rss, "swap": [0] * frames, "threads": [8 + process % 5] * frames}
        for row, (space, owner, state) in enumerate(states):
            share = [value // 10 if row else value - 9 * (value // 10) for value in rss]
            values[f"row:{space}/{owner}/{state}"] = [value if i % 6 == 0 else None for i, value in enumerate(share)]
        values["rows_rss"] = [value if i % 6 == 0 else None for i, value in enumerate(rss)]
        life = incident.life(1000 + process, f"service{process % 20}", times, values)
        incident.event(life, times[frames // 2], "verdict", f"leak in native: grows by {process % 7} KiB a minute")
    return incident.write()
