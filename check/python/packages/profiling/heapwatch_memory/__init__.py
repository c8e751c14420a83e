"""Memory profiles of checks: a metric for each run, or reports in a folder."""
from heapwatch_memory.attach import attach
from heapwatch_memory.profiler import call, finish_command, profile_command

__all__ = ["attach", "call", "finish_command", "profile_command"]
