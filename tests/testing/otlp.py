"""OTLP over HTTP from its specification: the messages by protobuf of others, and a receiver that keeps what it is sent and goes wrong as it
is told."""
import gzip
import http.server
import threading

from remote_write import GetMessageClass, _file  # noqa: F401
from google.protobuf import descriptor_pb2, descriptor_pool

_FIELD = descriptor_pb2.FieldDescriptorProto
_FIXED = {"fixed64": _FIELD.TYPE_FIXED64, "sfixed64": _FIELD.TYPE_SFIXED64, "bool": _FIELD.TYPE_BOOL}
NO_RECORDED_VALUE = 1
CUMULATIVE = 2


def _metrics_file():
    fixed = {}

    def field(number, name, kind, repeated=False):
        fixed[name] = kind
        return (number, name, "int64" if kind in _FIXED else kind, repeated)

    file = _file("otlp.proto", "otlp", {
        "AnyValue": [field(1, "string_value", "string")],
        "KeyValue": [field(1, "key", "string"), field(2, "value", "AnyValue")],
        "Resource": [field(1, "attributes", "KeyValue", True)],
        "Scope": [field(1, "name", "string"), field(2, "version", "string")],
        "NumberDataPoint": [field(7, "attributes", "KeyValue", True), field(2, "start_time_unix_nano", "fixed64"),
                            field(3, "time_unix_nano", "fixed64"), field(4, "as_double", "double"), field(6, "as_int", "sfixed64"),
                            field(8, "flags", "uint32")],
        "Quantile": [field(1, "quantile", "double"), field(2, "value", "double")],
        "SummaryDataPoint": [field(7, "attributes", "KeyValue", True), field(2, "start_time_unix_nano", "fixed64"),
                             field(3, "time_unix_nano", "fixed64"), field(4, "count", "fixed64"), field(5, "sum", "double"),
                             field(6, "quantile_values", "Quantile", True), field(8, "flags", "uint32")],
        "Gauge": [(1, "data_points", "NumberDataPoint", True)],
        "Sum": [(1, "data_points", "NumberDataPoint", True), field(2, "aggregation_temporality", "int32"), field(3, "is_monotonic", "bool")],
        "Summary": [(1, "data_points", "SummaryDataPoint", True)],
        # "sum" is a double of a summary's point and a message here
        "Metric": [field(1, "name", "string"), field(2, "description", "string"), field(3, "unit", "string"), field(5, "gauge", "Gauge"),
                   (7, "sum", "Sum", False), field(11, "summary", "Summary")],
        "ScopeMetrics": [field(1, "scope", "Scope"), field(2, "metrics", "Metric", True)],
        "ResourceMetrics": [field(1, "resource", "Resource"), field(2, "scope_metrics", "ScopeMetrics", True)],
        "Request": [field(1, "resource_metrics", "ResourceMetrics", True)],
        "PartialSuccess": [(1, "rejected_data_points", "int64", False), (2, "error_message", "string", False)],
        "Response": [(1, "partial_success", "PartialSuccess", False)]})
    for message in file.message_type:
        if message.name == "NumberDataPoint":
            message.oneof_decl.add(name="value")
        for one in message.field:
            if one.type == _FIELD.TYPE_INT64 and fixed.get(one.name) in _FIXED:
                one.type = _FIXED[fixed[one.name]]
            if message.name == "NumberDataPoint" and one.name in ("as_double", "as_int"):
                one.oneof_index = 0
    return file


_POOL = descriptor_pool.DescriptorPool()
_POOL.Add(_metrics_file())
Request = GetMessageClass(_POOL.FindMessageTypeByName("otlp.Request"))
Response = GetMessageClass(_POOL.FindMessageTypeByName("otlp.Response"))


def _attributes(pairs):
    made = {pair.key: pair.value.string_value for pair in pairs}
    assert len(made) == len(pairs), f"an attribute is there twice: {pairs}"
    assert all(made), made
    return made


def decode(body):
    """(resource, points); a point is a dict: name, kind, attributes, time, and what it has of start, value, count, sum, quantiles, flags."""
    message = Request.FromString(body)
    assert message.SerializeToString(), "a message without anything"
    resource, points = None, []
    for of_resource in message.resource_metrics:
        resource = _attributes(of_resource.resource.attributes)
        for scope in of_resource.scope_metrics:
            assert scope.scope.name == "heapwatch" and scope.scope.version, scope.scope
            seen = set()
            for metric in scope.metrics:
                kind = next(kind for kind in ("gauge", "sum", "summary") if metric.HasField(kind))
                assert (metric.name, kind) not in seen, f"{metric.name} is there twice"
                seen.add((metric.name, kind))
                body = getattr(metric, kind)
                if kind == "sum":
                    assert (body.aggregation_temporality, body.is_monotonic) == (CUMULATIVE, True), body
                for one in body.data_points:
                    point = {"name": metric.name, "help": metric.description, "kind": kind, "attributes": _attributes(one.attributes),
                             "time": one.time_unix_nano, "start": one.start_time_unix_nano, "flags": one.flags}
                    if kind == "summary":
                        point.update(count=one.count, sum=one.sum, quantiles={q.quantile: q.value for q in one.quantile_values})
                    elif one.WhichOneof("value"):
                        point["value"] = getattr(one, one.WhichOneof("value"))
                    points.append(point)
    return resource, points


class Receiver:
    """Keeps the points of what it takes. `answer(number, request)` gives (status, headers, body) for the request of that number, from 0 on."""

    def __init__(self, answer=None, context=None):
        self.answer = answer or (lambda number, request: (200, {}, b""))
        self.heads, self.points, self.resources, self.problems = [], [], [], []
        self.lock = threading.Lock()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, headers, said = receiver.take(self, body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}/v1/metrics"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def take(self, request, body):
        with self.lock:
            number = len(self.heads)
            self.heads.append((request.path, dict(request.headers)))
            status, headers, said = self.answer(number, request)
            if status != 200:
                return status, headers, said
            try:
                assert request.headers["Content-Type"] == "application/x-protobuf", request.headers["Content-Type"]
                assert request.headers["Content-Encoding"] == "gzip", request.headers["Content-Encoding"]
                resource, points = decode(gzip.decompress(body))
                self.resources.append(resource)
                self.points += points
            except Exception as error:  # pylint: disable=broad-except
                self.problems.append(repr(error))
                return 400, {}, b""
            return status, {"Content-Type": "application/x-protobuf", **headers}, said

    def of(self, name, **attributes):
        """Its points, in the order in which they came."""
        with self.lock:
            return [one for one in self.points if one["name"] == name and attributes.items() <= one["attributes"].items()]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
