"""Holds numpy's memory, which is none of CPython's allocators; `does` says how."""
import ctypes

import numpy

from datadog_checks.base import AgentCheck

__version__ = "1.0.0"

track = ctypes.pythonapi.PyTraceMalloc_Track
track.argtypes = [ctypes.c_uint, ctypes.c_size_t, ctypes.c_size_t]
untrack = ctypes.pythonapi.PyTraceMalloc_Untrack
untrack.argtypes = [ctypes.c_uint, ctypes.c_size_t]


class Arrays(AgentCheck):
    kept = []

    def check(self, instance):
        getattr(self, instance["does"])()

    def keeps_one(self):
        self.array = None
        self.array = numpy.zeros(131072)  # 1 MiB

    def leaks(self):
        self.kept.append(numpy.zeros(8192))  # 64 KiB

    def grows_and_drops(self):
        array = numpy.arange(5000.0)
        array.resize(20000, refcheck=False)
        self.array = numpy.concatenate([array, array])[::2].copy()
        numpy.ones(100_000).sum()

    def tracks(self):
        """Blocks of two domains, one of them twice, one that is Python's already, and one that is given back."""
        self.buffer = ctypes.create_string_buffer(5000)
        address = ctypes.addressof(self.buffer)
        track(7, 0x1000, 300)
        track(7, 0x1000, 400)
        track(8, 0x2000, 500)
        untrack(7, 0x2000)
        track(8, 0x3000, 600)
        untrack(8, 0x3000)
        track(389047, address, 5000)
