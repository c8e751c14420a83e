"""Serves pages of JSON on a free port of the loopback, for tests."""
import http.server
import threading


class Pages:
    """Answers the n-th request for a path with its n-th body (the last one again and again).

    A body may be bytes, or a function that takes the request handler and answers by itself. With `tls`, an SSLContext,
    over https.
    """

    def __init__(self, pages, tls=None):
        self.pages = {path: bodies if isinstance(bodies, list) else [bodies] for path, bodies in pages.items()}
        self.requests = []
        self._served = {}
        self._lock = threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                body = outer._next(self)
                if body is None:
                    self.send_error(404)
                elif callable(body):
                    body(self)
                else:
                    self.send_response(200)
                    self.send_header("Content-Type", "application/json; charset=utf-8")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # of a client that went away
        if tls:  # the handshake is left to the thread of the connection
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._scheme = "https" if tls else "http"
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def _next(self, handler):
        path = handler.path.split("?")[0]
        with self._lock:
            self.requests.append((handler.path, dict(handler.headers)))
            bodies = self.pages.get(path)
            if bodies is None:
                return None
            index = self._served.get(path, 0)
            self._served[path] = index + 1
            return bodies[min(index, len(bodies) - 1)]

    def url(self, path="/debug/vars"):
        return f"{self._scheme}://127.0.0.1:{self.port}{path}"

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
