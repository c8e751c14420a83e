"""The folder of a profile: snapshots/, diffs/, growth/, and the last snapshot in full."""
import datetime
import os
import pickle
import tracemalloc

LAST_SNAPSHOT = "last-snapshot"


class _TracesOnly(pickle.Unpickler):
    """A snapshot is made of plain values and two classes; whatever else a file asks for is refused."""

    def find_class(self, module, name):
        if (module, name) in (("tracemalloc", "Snapshot"), ("tracemalloc", "_Traces")):
            return getattr(tracemalloc, name)
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a snapshot")


def folder(directory, check_name, check_id):
    """<directory>/<check name>/<rest of the id>, whatever the names of instances contain."""
    _, _, rest = check_id.partition(":")
    return os.path.join(directory, *(_component(part) for part in (check_name, rest) if part))


def _component(text):
    text = text.replace(":", "_").replace("/", "_").replace("\0", "_")
    return "_" * len(text) if text in (".", "..") else text


def moment():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H-%M-%S_%f")


def _replace(path, write):
    """All of the new file or the old one, also when the disk is full."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = f"{path}.{os.getpid()}"
    try:
        with open(temporary, "wb") as file:
            write(file)
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise


def write_report(location, folder_name, kind, at, text):
    """To <location>/<folder name>/<kind>_<at>."""
    data = text.encode("utf-8", "surrogateescape")
    _replace(os.path.join(location, folder_name, f"{kind}_{at}"), lambda file: file.write(data))


def load_last(location, log):
    """The snapshot of the run before, or None: without one, and when the file is none."""
    path = os.path.join(location, LAST_SNAPSHOT)
    try:
        with open(path, "rb") as file:
            snapshot = _TracesOnly(file).load()
        if not isinstance(snapshot, tracemalloc.Snapshot):
            raise pickle.UnpicklingError("it holds no snapshot")
        for trace in snapshot.traces._traces:
            _domain, _size, frames, *_ = trace
            _name, _line = frames[0]
        return snapshot
    except FileNotFoundError:
        return None
    except Exception as error:
        log.warning("%s is not compared with: %s", path, error)
        return None


def save_last(location, snapshot):
    _replace(
        os.path.join(location, LAST_SNAPSHOT),
        lambda file: pickle.dump(snapshot, file, pickle.HIGHEST_PROTOCOL),
    )
