"""Pyroscope from its specification: the messages of its push API and of pprof by protobuf of others, and a receiver that keeps what it is
sent and goes wrong as it is told."""
import collections
import contextlib
import email
import gzip
import http.server
import json
import re
import socket
import threading
import urllib.parse

from remote_write import GetMessageClass, _file  # noqa: F401
from google.protobuf import descriptor_pool

_POOL = descriptor_pool.DescriptorPool()
_POOL.Add(_file("push.proto", "push.v1", {
    "LabelPair": [(1, "name", "string", False), (2, "value", "string", False)],
    "RawSample": [(1, "raw_profile", "bytes", False), (2, "ID", "string", False)],
    "RawProfileSeries": [(1, "labels", "LabelPair", True), (2, "samples", "RawSample", True)],
    "PushRequest": [(1, "series", "RawProfileSeries", True)]}))
_POOL.Add(_file("profile.proto", "perftools.profiles", {
    "ValueType": [(1, "type", "int64", False), (2, "unit", "int64", False)],
    "Label": [(1, "key", "int64", False), (2, "str", "int64", False), (3, "num", "int64", False), (4, "num_unit", "int64", False)],
    "Sample": [(1, "location_id", "uint64", True), (2, "value", "int64", True), (3, "label", "Label", True)],
    "Line": [(1, "function_id", "uint64", False), (2, "line", "int64", False)],
    "Location": [(1, "id", "uint64", False), (2, "mapping_id", "uint64", False), (3, "address", "uint64", False), (4, "line", "Line", True)],
    "Function": [(1, "id", "uint64", False), (2, "name", "int64", False), (3, "system_name", "int64", False), (4, "filename", "int64", False)],
    "Profile": [(1, "sample_type", "ValueType", True), (2, "sample", "Sample", True), (4, "location", "Location", True),
                (5, "function", "Function", True), (6, "string_table", "string", True), (9, "time_nanos", "int64", False),
                (10, "duration_nanos", "int64", False)]}))
PushRequest = GetMessageClass(_POOL.FindMessageTypeByName("push.v1.PushRequest"))
PprofMessage = GetMessageClass(_POOL.FindMessageTypeByName("perftools.profiles.Profile"))

HEAP_TYPES = [("alloc_objects", "count"), ("alloc_space", "bytes"), ("inuse_objects", "count"), ("inuse_space", "bytes")]
SERVER_BYTES_MAX = 4 << 20  # of a profile, decompressed, by default


class Profile:
    """A pprof profile: sums by type, the names of functions, the sets of labels."""

    def __init__(self, packed):
        plain = gzip.decompress(packed)
        self.plain_bytes = len(plain)
        message = PprofMessage.FromString(plain)
        text = message.string_table
        self.types = [(text[one.type], text[one.unit]) for one in message.sample_type]
        self.sums = collections.Counter({name: 0 for name, _ in self.types})
        names = {one.id: text[one.name] for one in message.function}
        places = {one.id: [names[line.function_id] for line in one.line] for one in message.location}
        self.functions, self.labels, self.by_label = set(), set(), collections.defaultdict(collections.Counter)
        for sample in message.sample:
            values = dict(zip((name for name, _ in self.types), sample.value, strict=True))
            assert any(sample.value), "a sample without values"
            self.sums.update(values)
            self.functions.update(name for place in sample.location_id for name in places[place])
            for label in sample.label:
                assert label.str, f"the number {text[label.key]} as a label"
                self.labels.add(text[label.key])
                self.by_label[text[label.key], text[label.str]].update(values)
        self.time, self.duration = message.time_nanos, message.duration_nanos


Pushed = collections.namedtuple("Pushed", "labels profile query")


def _from_push(body):
    message = PushRequest.FromString(body)
    assert message.series and message.SerializeToString() == body, "what the specification does not have"
    for series in message.series:
        names = [label.name for label in series.labels]
        assert names == sorted(set(names)), f"labels are not sorted, or twice: {names}"
        labels = {label.name: label.value for label in series.labels}
        assert all(re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name) and value for name, value in labels.items()), labels
        assert len(labels) <= 30, labels
        assert labels["__name__"] == "memory" and labels["service_name"] and labels["__delta__"] == "false", labels
        for sample in series.samples:
            yield Pushed({name: value for name, value in labels.items() if not name.startswith("__")}, Profile(sample.raw_profile), {})


def _name(text):
    """What Pyroscope takes of the name of an /ingest: service{a=b,c=d}."""
    service, labels = re.fullmatch(r"([-a-zA-Z0-9_./]+)(?:\{(.*)\})?", text).groups()
    pairs = dict(pair.split("=", 1) for pair in labels.split(",")) if labels else {}
    assert all(re.fullmatch(r"[a-zA-Z0-9_.]+", name) for name in pairs), text
    return {"service_name": service, **pairs}


def _from_ingest(request, body):
    query = dict(urllib.parse.parse_qsl(request.path.split("?", 1)[1], strict_parsing=True))
    assert int(query["from"]) <= int(query["until"]), query
    kind = request.headers["Content-Type"]
    if query.get("format") == "pprof":
        assert "multipart" not in kind, "Pyroscope reads this as a profile"
        return Pushed(_name(query["name"]), Profile(body), query)
    form = email.message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    assert form.is_multipart(), kind
    parts = {part.get_param("name", header="content-disposition"): part.get_payload(decode=True) for part in form.get_payload()}
    config = json.loads(parts["sample_type_config"])
    assert set(config) == {name for name, _ in HEAP_TYPES} and all(one["units"] in ("objects", "bytes") for one in config.values()), config
    return Pushed(_name(query["name"]), Profile(parts["profile"]), query)


class Receiver:
    """Keeps the profiles of what it takes. `answer(number, request)` gives (status, headers, body) for the request of that number, from 0
    on; None: no answer at all."""

    def __init__(self, answer=None, context=None, port=0):
        self.answer = answer or (lambda number, request: (200, {}, b""))
        self.heads, self.pushed, self.problems = [], [], []
        self.lock = threading.Lock()
        self.closing, self.connections = threading.Event(), []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                receiver.connections.append(self.connection)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = receiver.take(self, body)
                if answer is None:
                    receiver.closing.wait()
                    self.close_connection = True
                    return
                status, headers, said = answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            allow_reuse_address = True
            daemon_threads = True

            def handle_error(self, *_):  # of a client that went away
                pass

        self.server = Server(("127.0.0.1", port), Handler)
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def take(self, request, body):
        with self.lock:
            number = len(self.heads)
            self.heads.append((request.path, dict(request.headers)))
            answer = self.answer(number, request)
            if answer is None or answer[0] != 200:
                return answer
            try:
                path = request.path.split("?")[0]
                if path == "/push.v1.PusherService/Push":
                    assert request.headers["Content-Type"] == "application/proto", request.headers["Content-Type"]
                    pushed = list(_from_push(body))
                else:
                    assert path == "/ingest", path
                    pushed = [_from_ingest(request, body)]
                for one in pushed:
                    assert one.profile.types == HEAP_TYPES, one.profile.types
                    assert one.profile.plain_bytes <= SERVER_BYTES_MAX, one.profile.plain_bytes
                self.pushed += pushed
            except Exception as error:  # pylint: disable=broad-except
                self.problems.append(repr(error))
                return 400, {}, b""
            return answer

    def of(self, service):
        """Its profiles, in the order in which they came."""
        with self.lock:
            return [one for one in self.pushed if one.labels["service_name"] == service]

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
