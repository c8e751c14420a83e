"""Bytes as people read them."""

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB")
_DIGITS = ("%d", "%.2f") + ("%.3f",) * 7
_BY_NAME = {"BYTE": 0, "B": 0, **{letter + "B": power for power, letter in enumerate("KMGTPEZY", 1)}}


def amount(size, unit="dynamic"):
    """`size` without its sign: "10.69 KiB". An unknown unit means bytes; KB and KiB are the same."""
    size = abs(size)
    if unit == "dynamic":
        power = 0
        while power + 1 < len(_UNITS) and size >= 1024 ** (power + 1):
            power += 1
    else:
        power = _BY_NAME.get(unit.upper().replace("I", ""), 0)
    return "%s %s" % (_DIGITS[power] % (size / 1024**power if power else size), _UNITS[power])


def signed(size, unit="dynamic"):
    return ("-" if size < 0 else "+") + amount(size, unit)


def counted(number, thing):
    return "%d %s%s" % (number, thing, "" if number == 1 else "s")
