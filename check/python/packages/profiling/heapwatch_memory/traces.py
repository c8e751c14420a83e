"""What a run left behind, by the code that asked for it."""
import fnmatch
import os
import tracemalloc

_MACHINERY = ("<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>", "<unknown>", tracemalloc.__file__)
_OWN_FOLDER = os.path.dirname(os.path.abspath(__file__)) + os.sep
# Of all Python code that comes with heapwatch, the base package too.
OWN_FOLDERS = (os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep,)

KEY_TYPES = ("traceback", "filename", "lineno")


def is_noise(filename):
    return filename in _MACHINERY or filename.startswith(_OWN_FOLDER)


def normalized(filename):
    """As tracemalloc compares names: a .pyc stands for its .py."""
    filename = os.path.normcase(filename)
    return filename[:-1] if filename.endswith(".pyc") else filename


class FileFilter:
    """Says which files count: all but the profilers' own and the import machinery, unless verbose; of these, the ones
    that one of the patterns matches, if there are any."""

    def __init__(self, options):
        self._verbose = options.verbose
        self._patterns = tuple(normalized(pattern) for pattern in options.filters)
        self._known = {}

    def allows(self, filename):
        allowed = self._known.get(filename)
        if allowed is None:
            allowed = (self._verbose or not is_noise(filename)) and (
                not self._patterns
                or any(fnmatch.fnmatch(normalized(filename), pattern) for pattern in self._patterns)
            )
            self._known[filename] = allowed
        return allowed


def by_stack(snapshot):
    """The sizes and counts of a tracemalloc.Snapshot by stack: {frames from the innermost: [size, count]}."""
    by_identity = {}  # hashing a tuple of a hundred frames for each block costs; equal ones are mostly one
    for trace in snapshot.traces._traces:
        frames = trace[2]
        total = by_identity.get(id(frames))
        if total is None:
            total = by_identity[id(frames)] = [frames, 0, 0]
        total[1] += trace[1]
        total[2] += 1
    stacks = {}
    for frames, size, count in by_identity.values():
        total = stacks.setdefault(frames, [0, 0])
        total[0] += size
        total[1] += count
    return stacks


def group(stacks, key_type, cumulative):
    """{frames from the outermost: [size, count]} by the line, the file or the whole stack; `cumulative` counts a block
    for every frame of its stack."""
    if key_type not in KEY_TYPES:
        raise ValueError("unknown key_type: %r" % (key_type,))
    if cumulative and key_type == "traceback":
        raise ValueError("cumulative mode cannot by used with key type %r" % key_type)
    groups = {}
    for frames, (size, count) in stacks.items():
        if key_type == "traceback":
            keys = (tuple(reversed(frames)),)
        else:
            counted = frames if cumulative else frames[:1]
            keys = [((name, line if key_type == "lineno" else 0),) for name, line in counted]
        for key in keys:
            total = groups.setdefault(key, [0, 0])
            total[0] += size
            total[1] += count
    return groups
