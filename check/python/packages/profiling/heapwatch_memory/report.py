"""The two reports of a run: what it left behind, and how that differs from the run before."""
import linecache

from heapwatch_memory.amounts import amount, signed

_ROOTS = ("datadog_checks", "site-packages", "lib", "Lib")


def short_path(path):
    """Without what leads to the package or the library."""
    parts = path.split("/")
    for root in _ROOTS:
        if root in parts:
            rest = "/".join(parts[parts.index(root) + 1 :])
            return rest or path
    return path


def entry(number, frame, text):
    """A line that leads with its number, and the source line below it when there is one."""
    path, line = frame
    lines = ["", "#%d: %s:%d: %s" % (number, short_path(path), line, text)]
    source = linecache.getline(path, line).strip()
    if source:
        lines.append(" " * (3 + len(str(number))) + source)
    return lines


def snapshot_report(groups, options):
    """`groups`: {frames from the outermost: [size, count]}."""
    rows = sorted(((size, count, key) for key, (size, count) in groups.items()), reverse=True)
    lines = ["Top %d lines" % options.limit]
    for number, (size, _, key) in enumerate(rows[: options.limit], 1):
        lines += entry(number, key[-1], amount(size, options.unit))
    lines.append("")
    others = rows[options.limit :]
    if others:
        lines.append("%d other: %s" % (len(others), amount(sum(row[0] for row in others), options.unit)))
    lines.append("Total allocated size: %s" % amount(sum(row[0] for row in rows), options.unit))
    return "\n".join(lines) + "\n"


def differences(groups, previous):
    """[(size difference, size, count difference, count, key)], also of what is gone."""
    rows = []
    for key in groups.keys() | previous.keys():
        size, count = groups.get(key, (0, 0))
        old_size, old_count = previous.get(key, (0, 0))
        rows.append((size - old_size, size, count - old_count, count, key))
    return rows


def diff_report(groups, previous, options):
    def order(row):
        change, size, count_change, count, key = row
        return (options.diff == "positive" and change > 0, abs(change), size, abs(count_change), count, key)

    rows = sorted(differences(groups, previous), key=order, reverse=True)
    lines = ["Top %d line diffs" % options.limit]
    number = 0
    for change, _, _, _, key in rows[: options.limit]:
        if change != 0:
            number += 1
            lines += entry(number, key[-1], signed(change, options.unit))
    lines.append("")
    others = rows[options.limit :]
    if others:
        lines.append("%d other: %s" % (len(others), signed(sum(row[0] for row in others), options.unit)))
    lines.append("Total difference: %s" % signed(sum(row[0] for row in rows), options.unit))
    return "\n".join(lines) + "\n"
