"""Heap profiles as gperftools writes them, of addresses in the code of a program."""
import os
import pathlib
import re
import subprocess


def code_of(program):
    """Where code lies: address and bytes of .text; offset, address and bytes of the segment around it."""
    text = subprocess.run(["readelf", "-SlW", program], capture_output=True, text=True, check=True).stdout
    address, size = (int(word, 16) for word in re.search(r"\] \.text +\S+ +(\w+) \w+ (\w+)", text).groups())
    segment = re.search(r"LOAD +0x(\w+) 0x(\w+) 0x\w+ 0x\w+ 0x(\w+) R E", text)
    return address, size, *(int(word, 16) for word in segment.groups())


def heap_profile(folder, program, base=0, step=7, mapped_as=None, only=None):
    """The path of a profile in the folder: a sample for each place in the code of a program, or of one function of it."""
    address, size, offset, start, bytes_ = code_of(program)
    if only:
        symbols = subprocess.run(["nm", "-S", program], capture_output=True, text=True, check=True).stdout
        address, size = (int(word, 16) for word in re.search(rf"(?m)^(\w+) (\w+) . {re.escape(only)}$", symbols).groups())
    places = range(address, address + size, step)
    samples = "".join(f"     1:{number + 1:6} [     1:{number + 1:6}] @ 0x{base + place + 1:x}\n"
                      for number, place in enumerate(places))
    total = sum(range(1, len(places) + 1))
    path = os.path.join(folder, f"heap.{os.path.basename(program)}.{base:x}")
    pathlib.Path(path).write_text(
        f"heap profile: {len(places):6}:{total:6} [{len(places):6}:{total:6}] @ heapprofile\n{samples}\nMAPPED_LIBRARIES:\n"
        f"{base + start:x}-{base + start + bytes_:x} r-xp {offset:08x} 08:01 17 {mapped_as or program}\n")
    return path
