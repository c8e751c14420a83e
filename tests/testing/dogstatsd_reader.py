"""A strict reader of DogStatsD, and servers that collect what they receive.

parse(packet) gives the messages of a packet as dictionaries, or raises Malformed where a lenient server would guess.
As a program it serves an address and prints every line: dogstatsd_reader.py udp://127.0.0.1:0
"""
import os
import re
import select
import socket
import struct
import sys

FIELD_END = "|"
UNSAFE_IN_NAME = set(":|@#,\n\r")
TYPES = {"g", "c", "h", "d", "s", "ms"}
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?(e[+-][0-9]+)?", re.ASCII)
CARDINALITIES = {"none", "low", "orchestrator", "high"}


class Malformed(ValueError):
    """The message, and why it is none."""


def require(condition, why, line):
    if not condition:
        raise Malformed(f"{why}: {line!r}")


def parse(packet):
    """The messages of one packet, each of which must end with a line break."""
    require(packet, "empty packet", packet)
    require(packet.endswith(b"\n"), "last line has no end", packet)
    try:
        text = packet.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(f"not UTF-8: {packet!r}") from error
    return [parse_line(line) for line in text[:-1].split("\n")]


def parse_line(line):
    require(line, "empty line", line)
    require(not re.search(r"[\x00-\x1f\x7f]", line), "control character", line)
    if line.startswith("_e{"):
        return parse_event(line)
    if line.startswith("_sc"):
        return parse_check(line)
    return parse_metric(line)


def parse_tags(text, line):
    tags = text.split(",")
    require(all(tags), "empty tag", line)
    return tags


def parse_fields(fields, known, line):
    """Fields by their prefixes, each at most once; `known` gives each prefix its reader."""
    found = {}
    for field in fields:
        prefix = next((p for p in sorted(known, key=len, reverse=True) if field.startswith(p)), None)
        require(prefix is not None, f"unknown field {field!r}", line)
        name, read = known[prefix]
        require(name not in found, f"second {name}", line)
        value = field[len(prefix):]
        require(value, f"empty {name}", line)
        found[name] = read(value, line)
    return found


def text_of(value, line):
    return value


def seconds_of(value, line):
    require(re.fullmatch(r"[1-9][0-9]*", value), f"no time {value!r}", line)
    return int(value)


def one_of(values):
    def read(value, line):
        require(value in values, f"{value!r} is none of {sorted(values)}", line)
        return value
    return read


ORIGIN = {"c:": ("container", text_of), "e:": ("external", text_of), "card:": ("cardinality", one_of(CARDINALITIES)),
          "#": ("tags", parse_tags)}


def parse_metric(line):
    head, *fields = line.split(FIELD_END)
    require(fields, "no type", line)
    kind, *fields = fields
    require(kind in TYPES, f"unknown type {kind!r}", line)
    name, colon, values = head.partition(":")
    require(name and colon, "no name or no value", line)
    require(not UNSAFE_IN_NAME & set(name), "unsafe name", line)
    known = dict(ORIGIN)
    if kind in {"c", "h", "d", "ms"}:
        known["@"] = ("rate", lambda value, where: float(value))
    if kind in {"g", "c"}:
        known["T"] = ("time", seconds_of)
    if kind == "s":
        read = [values]
    else:
        read = values.split(":")
        require(len(read) == 1 or kind in {"h", "d", "ms"}, "several values", line)
        for value in read:
            require(NUMBER.fullmatch(value), f"no number {value!r}", line)
            require(float(value) not in (float("inf"), float("-inf")), f"no double {value!r}", line)
    return {"kind": "metric", "name": name, "type": kind, "values": read, **parse_fields(fields, known, line)}


def parse_check(line):
    parts = line.split(FIELD_END, 3)
    require(parts[0] == "_sc" and len(parts) >= 3 and parts[1], "no check", line)
    require(parts[2] in {"0", "1", "2", "3"}, f"no status {parts[2]!r}", line)
    known = {**ORIGIN, "d:": ("time", seconds_of), "h:": ("host", text_of), "m:": ("message", text_of)}
    fields = parts[3].split(FIELD_END) if len(parts) == 4 else []
    found = parse_fields(fields, known, line)
    if "message" in found:
        require(fields[-1].startswith("m:"), "the message is not last", line)
        require("m:" not in found["message"], "unescaped m:", line)
        found["message"] = found["message"].replace("m\\:", "m:").replace("\\n", "\n")
    return {"kind": "check", "name": parts[1], "status": int(parts[2]), **found}


def parse_event(line):
    data = line.encode()
    match = re.match(rb"_e\{([1-9][0-9]*),(0|[1-9][0-9]*)\}:", data)
    require(match, "no event", line)
    title_bytes, text_bytes = int(match[1]), int(match[2])
    title = data[match.end():match.end() + title_bytes]
    rest = data[match.end() + title_bytes:]
    require(rest[:1] == b"|", "wrong length of the title", line)
    text, rest = rest[1:1 + text_bytes], rest[1 + text_bytes:]
    require(len(text) == text_bytes and rest[:1] in (b"", b"|"), "wrong length of the text", line)
    known = {**ORIGIN, "d:": ("time", seconds_of), "h:": ("host", text_of), "k:": ("key", text_of),
             "p:": ("priority", one_of({"normal", "low"})), "s:": ("source", text_of),
             "t:": ("alert", one_of({"error", "warning", "info", "success"}))}
    try:
        fields = rest[1:].decode().split(FIELD_END) if rest else []
        return {"kind": "event", "title": title.decode().replace("\\n", "\n"),
                "text": text.decode().replace("\\n", "\n"), **parse_fields(fields, known, line)}
    except UnicodeDecodeError as error:
        raise Malformed(f"a length splits a character: {line!r}") from error


class Server:
    """Receives packets on udp://host:port, unixgram://path or unixstream://path; `address` says where it listens."""

    def __init__(self, address, receive_buffer=None):
        scheme, place = address.split("://")
        self.stream = scheme == "unixstream"
        family = socket.AF_INET if scheme == "udp" else socket.AF_UNIX
        self.socket = socket.socket(family, socket.SOCK_STREAM if self.stream else socket.SOCK_DGRAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if scheme == "udp":
            host, _, port = place.rpartition(":")
            self.socket.bind((host, int(port)))
            address = "udp://%s:%d" % self.socket.getsockname()
        else:
            self.path = place
            self.socket.bind(place)
        self.address = address
        self.connections = {}
        if self.stream:
            self.socket.listen(8)

    def close(self, unlink=True):
        for connection in [self.socket, *self.connections]:
            connection.close()
        self.connections = {}
        if unlink and hasattr(self, "path") and os.path.exists(self.path):
            os.unlink(self.path)

    def packets(self, count=1, timeout=10):
        """At least `count` packets, or as many as came until nothing came for `timeout` seconds."""
        got = []
        while len(got) < count:
            ready, _, _ = select.select([self.socket, *self.connections], [], [], timeout)
            if not ready:
                break
            for source in ready:
                got += self._receive(source)
        return got

    def _receive(self, source):
        if not self.stream:
            return [source.recv(65536)]
        if source is self.socket:
            self.connections[source.accept()[0]] = b""
            return []
        received = source.recv(65536)
        if not received:
            del self.connections[source]
            source.close()
            return []
        data, packets = self.connections[source] + received, []
        while len(data) >= 4:
            (length,) = struct.unpack_from("<I", data)
            if len(data) < 4 + length:
                break
            packets.append(data[4:4 + length])
            data = data[4 + length:]
        self.connections[source] = data
        return packets


def main():
    server = Server(sys.argv[1])
    print(server.address, flush=True)
    while True:
        for packet in server.packets():
            for message in parse(packet):
                print(message, flush=True)


if __name__ == "__main__":
    main()
