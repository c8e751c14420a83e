"""Processes that checks start: none of them outlives the agent, and none inherits that signals are blocked.

Each of the ways to start one ends in a function that is replaced here, before a check can have taken it over by name. A
fork without an exec needs nothing but the group's leader, which has to be there before: the rest is done in the child.
"""
import functools
import os
import sys

import _heapwatch_children as agent
import _posixsubprocess

_NEW_SESSION, _PROCESS_GROUP, _ARGUMENTS = 15, 16, 23  # of fork_exec, in CPython 3.11

_fork_exec = _posixsubprocess.fork_exec
_posix_spawn, _posix_spawnp = os.posix_spawn, os.posix_spawnp


@functools.wraps(_fork_exec)
def fork_exec(*arguments):
    """What subprocess and multiprocessing start programs with."""
    leads = False
    if len(arguments) == _ARGUMENTS:
        leads = bool(arguments[_NEW_SESSION]) or arguments[_PROCESS_GROUP] >= 0
        group = 0 if leads else agent.group()
        if group:
            arguments = (*arguments[:_PROCESS_GROUP], group, *arguments[_PROCESS_GROUP + 1:])
    pid = agent.call_unblocked(_fork_exec, arguments)
    if leads:
        agent.keep(pid)
    return pid


def _spawner(original):
    @functools.wraps(original)
    def spawn(path, argv, env, /, **options):
        leads = "setpgroup" in options or "setsid" in options
        group = 0 if leads else agent.group()
        if group:
            options["setpgroup"] = group
        pid = agent.call_unblocked(original, (path, argv, env), options)
        if leads:
            agent.keep(pid)
        return pid

    return spawn


@functools.wraps(os.system)
def system(command):
    import subprocess

    status = subprocess.call(command, shell=True)
    return -status if status < 0 else status << 8


def install():
    """Once, before the first check is imported."""
    _posixsubprocess.fork_exec = fork_exec
    if "subprocess" in sys.modules:
        sys.modules["subprocess"]._fork_exec = fork_exec
    os.posix_spawn, os.posix_spawnp = _spawner(_posix_spawn), _spawner(_posix_spawnp)
    os.system = system
    os.register_at_fork(before=agent.group)
