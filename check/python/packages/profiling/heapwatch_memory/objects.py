"""Live Python objects by type: as Pympler sees them where it is installed, else as the garbage collector does."""
import gc

import _heapwatch_memory


def count(collect):
    """[(type, objects, bytes)] in no order, each type once; `collect`: after a garbage collection."""
    if collect:
        gc.collect()
    try:
        from pympler.tracker import SummaryTracker
    except ImportError:
        return _heapwatch_memory.objects()
    totals = {}
    for name, number, size in SummaryTracker().create_summary():
        total = totals.setdefault(str(name), [0, 0])
        total[0] += number
        total[1] += size  # of all of them already
    return [(name, number, size) for name, (number, size) in totals.items()]
