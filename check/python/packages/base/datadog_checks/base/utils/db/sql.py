"""Short names of statements and plans, the same wherever they are computed."""
import json

_MASK = (1 << 64) - 1
_C1, _C2 = 0x87C37B91114253D5, 0x4CF5AD432745937F


def _rotated(value, bits):
    return ((value << bits) | (value >> (64 - bits))) & _MASK


def _mixed(value):
    value = (value ^ (value >> 33)) * 0xFF51AFD7ED558CCD & _MASK
    value = (value ^ (value >> 33)) * 0xC4CEB9FE1A85EC53 & _MASK
    return value ^ (value >> 33)


def _scrambled(first, second):
    return (_rotated(first * _C1 & _MASK, 31) * _C2 & _MASK, _rotated(second * _C2 & _MASK, 33) * _C1 & _MASK)


def _hash64(text):
    """The first half of MurmurHash3's x64 128 bits, seed 0 (Source: A. Appleby, MurmurHash3, public domain)."""
    data = text.encode("utf-8") if isinstance(text, str) else bytes(text)
    first = second = 0
    whole = len(data) // 16 * 16
    for at in range(0, whole, 16):
        one, two = _scrambled(int.from_bytes(data[at:at + 8], "little"), int.from_bytes(data[at + 8:at + 16], "little"))
        first = ((_rotated(first ^ one, 27) + second) * 5 + 0x52DCE729) & _MASK
        second = ((_rotated(second ^ two, 31) + first) * 5 + 0x38495AB5) & _MASK
    one, two = _scrambled(int.from_bytes(data[whole:whole + 8], "little"), int.from_bytes(data[whole + 8:], "little"))
    first, second = first ^ one ^ len(data), second ^ two ^ len(data)
    first = (first + second) & _MASK
    second = (second + first) & _MASK
    return (_mixed(first) + _mixed(second)) & _MASK


def compute_sql_signature(normalized_query):
    """Of a statement without its values; None of nothing."""
    return format(_hash64(normalized_query), "x") if normalized_query else None


def compute_exec_plan_signature(normalized_json_plan):
    """Of a plan without its values; the order of its keys does not matter."""
    if not normalized_json_plan:
        return None
    return format(_hash64(json.dumps(json.loads(normalized_json_plan), sort_keys=True)), "x")


def normalize_query_tag(query):
    """The statement as the value of a tag, where a comma would end it: its commas are wide ones."""
    return query.replace(",", "\uff0c")
