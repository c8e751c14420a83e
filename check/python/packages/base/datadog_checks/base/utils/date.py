"""Dates as services write them (RFC 3339)."""
import datetime
import re

UTC = datetime.timezone.utc

_FORM = re.compile(r"(?a:(\d{4})-(\d\d)-(\d\d)[ Tt](\d\d):(\d\d):(\d\d)(?:[.,](\d+))?([zZ ]|[-+]\d\d?(?::?\d\d)?)?)")


def parse_rfc3339(given):
    """The moment, with its time zone; UTC where there is none."""
    if isinstance(given, datetime.datetime):
        return given if given.tzinfo is not None else given.replace(tzinfo=UTC)
    found = _FORM.search(given)
    if found is None:
        raise ValueError(f"{given!r} is no date as 2024-05-06T07:08:09Z")
    *parts, fraction, zone = found.groups()
    micros = int((fraction or "0")[:6].ljust(6, "0"))
    offset = re.fullmatch(r"([-+])(\d\d?):?(\d\d)?", (zone or "").strip())
    minutes = (int(offset[2]) * 60 + int(offset[3] or 0)) * (-1 if offset[1] == "-" else 1) if offset else 0
    return datetime.datetime(*map(int, parts), micros, datetime.timezone(datetime.timedelta(minutes=minutes)))


def format_rfc3339(moment):
    return parse_rfc3339(moment).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
