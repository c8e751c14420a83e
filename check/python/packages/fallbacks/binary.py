"""Stands in for the module `binary`, which Datadog's base package imports and Debian does not have."""

_BINARY_NAMES = ("KIBIBYTE", "MEBIBYTE", "GIBIBYTE", "TEBIBYTE", "PEBIBYTE", "EXBIBYTE", "ZEBIBYTE", "YOBIBYTE")
_DECIMAL_NAMES = ("KILOBYTE", "MEGABYTE", "GIGABYTE", "TERABYTE", "PETABYTE", "EXABYTE", "ZETTABYTE", "YOTTABYTE")
_LETTERS = "KMGTPEZY"


class BinaryUnits:
    """Powers of 1024 by their names."""


class DecimalUnits:
    """Powers of 1000 by their names."""


def _define(units, base, names):
    units.BYTE = units.B = 1
    for power, (name, letter) in enumerate(zip(names, _LETTERS), 1):
        setattr(units, name, base**power)
        setattr(units, letter + "B", base**power)
        globals()[name] = base**power


BYTE = 1
_define(BinaryUnits, 1024, _BINARY_NAMES)
_define(DecimalUnits, 1000, _DECIMAL_NAMES)


def convert_units(amount, unit=BYTE, to=None, si=False, exact=False):
    """The amount in another unit, with that unit's sign; without `to` in the largest one that leaves at least 1."""
    base, ending = (1000, "B") if si else (1024, "iB")
    size = amount * unit
    steps = [(1, "B")] + [(base**power, letter + ending) for power, letter in enumerate(_LETTERS, 1)]
    if to is None:
        divisor, sign = max((step for step in steps if abs(size) >= step[0]), default=steps[0])
    else:
        divisor, sign = next((step for step in steps if step[0] == to), steps[0])
    return (size if divisor == 1 else size / divisor), sign
