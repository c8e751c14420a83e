"""Tests write nothing into the source tree: `remember FILE` before they run lists its files, `compare FILE` after they ran
fails for each that has come since."""
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOT_OURS = {".git", "build"}


def files_below(folder, top=False):
    for path in folder.iterdir():
        if top and path.name in NOT_OURS:
            continue
        if path.is_dir() and not path.is_symlink():
            yield from files_below(path)
        else:
            yield str(path.relative_to(ROOT))


def main(command, listing):
    now = sorted(files_below(ROOT, top=True))
    if command == "remember":
        pathlib.Path(listing).write_text(json.dumps(now))
        return 0
    new = sorted(set(now) - set(json.loads(pathlib.Path(listing).read_text())))
    for name in new:
        print(f"a test wrote into the source tree: {name}")
    return 1 if new else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
