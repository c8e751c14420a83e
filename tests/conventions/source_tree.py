"""Tests write nothing into the source tree, and leave nothing in the temporary folder that is theirs (TMPDIR).

`remember FILE FOLDER` before they run lists the files of the tree and makes the folder anew, `compare FILE FOLDER` after they
ran fails for each file that has come since and for what we or a check left in the folder, and removes it. What browsers and
compilers leave there is theirs.
"""
import json
import pathlib
import shutil
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOT_OURS = {".git", "build"}
OURS = ("heapwatch", "pymp-")  # as folders and files of the program, its tests and its checks are named


def files_below(folder, top=False):
    for path in folder.iterdir():
        if top and path.name in NOT_OURS:
            continue
        if path.is_dir() and not path.is_symlink():
            yield from files_below(path)
        else:
            yield str(path.relative_to(ROOT))


def main(command, listing, temporary):
    temporary = pathlib.Path(temporary)
    now = sorted(files_below(ROOT, top=True))
    if command == "remember":
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        temporary.chmod(0o1777)  # as /tmp: some tests take the place of other users
        pathlib.Path(listing).write_text(json.dumps(now))
        return 0
    new = sorted(set(now) - set(json.loads(pathlib.Path(listing).read_text())))
    found = temporary.iterdir() if temporary.exists() else ()  # not there when it is compared once more
    left = sorted(path.name for path in found if path.name.startswith(OURS))
    shutil.rmtree(temporary, ignore_errors=True)
    for name in new:
        print(f"a test wrote into the source tree: {name}")
    for name in left:
        print(f"a test left something in its temporary folder: {name}")
    return 1 if new or left else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
