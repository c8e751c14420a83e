"""JSON in its shortest form."""
import json as _json


def decode(text):
    return _json.loads(text)


def encode(value, *, sort_keys=False, default=None):
    return _json.dumps(value, sort_keys=sort_keys, default=default, separators=(",", ":"), ensure_ascii=False)


def encode_bytes(value, *, sort_keys=False, default=None):
    return encode(value, sort_keys=sort_keys, default=default).encode("utf-8")
