"""In a Python of its own that a check started (multiprocessing with spawn or forkserver): there is no agent to submit to.

The agent has these modules built in, and so never comes here.
"""
import sys

GAUGE, RATE, COUNT, MONOTONIC_COUNT, COUNTER, HISTOGRAM, HISTORATE = range(7)

_told = False


def _drop(_check, check_id, *_):
    global _told
    if not _told:
        _told = True
        print(f"check {check_id}: what a process of it submits reaches nobody; let the check itself submit it",
              file=sys.stderr)


submit_metric = submit_service_check = submit_event = submit_histogram_bucket = submit_event_platform_event = _drop
