"""Remote write from its specification: the messages of both versions, by protobuf and snappy of others, and a receiver that keeps what it
is sent and goes wrong as it is told."""
import http.server
import struct
import threading

import snappy
from google.protobuf import descriptor_pb2, descriptor_pool

try:
    from google.protobuf.message_factory import GetMessageClass
except ImportError:
    from google.protobuf.message_factory import MessageFactory

    def GetMessageClass(descriptor):
        return MessageFactory().GetPrototype(descriptor)

STALE_BITS = 0x7FF0000000000002
_FIELD = descriptor_pb2.FieldDescriptorProto
_TYPES = {"string": _FIELD.TYPE_STRING, "double": _FIELD.TYPE_DOUBLE, "int64": _FIELD.TYPE_INT64, "uint32": _FIELD.TYPE_UINT32,
          "int32": _FIELD.TYPE_INT32, "uint64": _FIELD.TYPE_UINT64, "bytes": _FIELD.TYPE_BYTES}


def _file(name, package, messages):
    """messages: name to fields, each (number, name, type, repeated)."""
    file = descriptor_pb2.FileDescriptorProto(name=name, package=package, syntax="proto3")
    for message, fields in messages.items():
        made = file.message_type.add(name=message)
        for number, field, kind, repeated in fields:
            one = made.field.add(number=number, name=field, label=_FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL)
            if kind in _TYPES:
                one.type = _TYPES[kind]
            else:
                one.type, one.type_name = _FIELD.TYPE_MESSAGE, f".{package}.{kind}"
    return file


_POOL = descriptor_pool.DescriptorPool()
_POOL.Add(_file("v1.proto", "prometheus", {
    "Label": [(1, "name", "string", False), (2, "value", "string", False)],
    "Sample": [(1, "value", "double", False), (2, "timestamp", "int64", False)],
    "TimeSeries": [(1, "labels", "Label", True), (2, "samples", "Sample", True)],
    "MetricMetadata": [(1, "type", "int32", False), (2, "metric_family_name", "string", False), (4, "help", "string", False),
                       (5, "unit", "string", False)],
    "WriteRequest": [(1, "timeseries", "TimeSeries", True), (3, "metadata", "MetricMetadata", True)]}))
_POOL.Add(_file("v2.proto", "io.prometheus.write.v2", {
    "Sample": [(1, "value", "double", False), (2, "timestamp", "int64", False), (3, "start_timestamp", "int64", False)],
    "Metadata": [(1, "type", "int32", False), (3, "help_ref", "uint32", False), (4, "unit_ref", "uint32", False)],
    "TimeSeries": [(1, "labels_refs", "uint32", True), (2, "samples", "Sample", True), (5, "metadata", "Metadata", False)],
    "Request": [(4, "symbols", "string", True), (5, "timeseries", "TimeSeries", True)]}))
WriteRequest = GetMessageClass(_POOL.FindMessageTypeByName("prometheus.WriteRequest"))
Request = GetMessageClass(_POOL.FindMessageTypeByName("io.prometheus.write.v2.Request"))


def bits_of(value):
    return struct.unpack("<Q", struct.pack("<d", value))[0]


def check_labels(labels):
    """What the specification demands of the labels of a series."""
    names = [name for name, _ in labels]
    assert names == sorted(set(names)), f"labels are not sorted, or twice: {names}"
    assert "__name__" in names, names
    assert all(name and value for name, value in labels), labels


def decode_v1(body):
    """(samples, metadata); a sample is (labels as a tuple of pairs, time in ms, bits of the value)."""
    message = WriteRequest.FromString(snappy.uncompress(body))
    samples = []
    for series in message.timeseries:
        labels = tuple((label.name, label.value) for label in series.labels)
        check_labels(labels)
        times = [sample.timestamp for sample in series.samples]
        assert times == sorted(set(times)), times
        samples += [(labels, sample.timestamp, bits_of(sample.value)) for sample in series.samples]
    return samples, [(one.metric_family_name, one.type, one.help) for one in message.metadata]


def decode_v2(body):
    """(samples, metadata by labels)."""
    message = Request.FromString(snappy.uncompress(body))
    assert message.symbols[0] == "", message.symbols[0]
    assert len(set(message.symbols)) == len(message.symbols), "a symbol is there twice"
    samples, metadata = [], {}
    for series in message.timeseries:
        texts = [message.symbols[reference] for reference in series.labels_refs]
        labels = tuple(zip(texts[::2], texts[1::2], strict=True))
        check_labels(labels)
        samples += [(labels, sample.timestamp, bits_of(sample.value)) for sample in series.samples]
        metadata[labels] = (series.metadata.type, message.symbols[series.metadata.help_ref])
    return samples, metadata


class Receiver:
    """Keeps the samples of what it takes. `answer(number, request)` gives (status, headers) for the request of that number, from 0 on;
    `versions` are those it knows, any other is 415."""

    def __init__(self, versions=("0.1.0",), answer=None, port=0, context=None):
        self.versions, self.answer = versions, answer or (lambda number, request: (204, {}))
        self.heads, self.series, self.problems, self.metadata = [], {}, [], {}
        self.bytes = self.repeated = 0
        self.lock = threading.Lock()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, headers = receiver.take(self, body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *_):
                pass  # a client that was killed

        self.server = Server(("127.0.0.1", port), Handler)
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.scheme = "https" if context else "http"
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def url(self, path="/api/v1/write"):
        return f"{self.scheme}://127.0.0.1:{self.port}{path}"

    def take(self, request, body):
        with self.lock:
            number = len(self.heads)
            self.heads.append((request.path, dict(request.headers.items())))
        status, headers = self.answer(number, request)
        if status // 100 != 2:
            return status, headers
        version = request.headers["X-Prometheus-Remote-Write-Version"]
        if version not in self.versions:
            return 415, {}
        with self.lock:
            try:
                self.keep(request, version, body)
            except Exception as problem:  # the test reads it
                self.problems.append(repr(problem))
                return 400, {}
        if version == "2.0.0":
            headers = {"X-Prometheus-Remote-Write-Samples-Written": str(self.last_count), **headers}
        return status, headers

    def keep(self, request, version, body):
        kind = {"0.1.0": "application/x-protobuf", "2.0.0": "application/x-protobuf;proto=io.prometheus.write.v2.Request"}[version]
        assert request.headers["Content-Type"] == kind, request.headers["Content-Type"]
        assert request.headers["Content-Encoding"] == "snappy"
        assert request.headers["User-Agent"].startswith("heapwatch/"), request.headers["User-Agent"]
        samples, metadata = (decode_v1 if version == "0.1.0" else decode_v2)(body)
        if version == "0.1.0":
            self.metadata.update({name: (type, help) for name, type, help in metadata})
        self.bytes += len(body)
        self.last_count = len(samples)
        for labels, time_ms, bits in samples:
            its = self.series.setdefault(labels, [])
            if its and its[-1] == (time_ms, bits):
                self.repeated += 1
            elif its and its[-1][0] >= time_ms:
                self.problems.append(f"out of order: {labels} {time_ms} after {its[-1][0]}")
            else:
                its.append((time_ms, bits))

    def named(self, name):
        """The samples of the series of a name, by their other labels."""
        with self.lock:
            return {tuple(pair for pair in labels if pair[0] != "__name__"): list(its) for labels, its in self.series.items()
                    if dict(labels)["__name__"] == name}

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
