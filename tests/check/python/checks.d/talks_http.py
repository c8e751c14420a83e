"""Asks a server of its own, and reports what it was asked and what came back."""
import http.server
import threading

from datadog_checks.base import AgentCheck


class Server(http.server.BaseHTTPRequestHandler):
    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        if self.path.startswith("/redirect"):
            self.send_response(302)
            self.send_header("Location", "/after")
            self.end_headers()
            return
        if self.path.startswith("/hang"):
            self.server.release.wait(30)
            return
        status = 503 if self.path.startswith("/fail") else 200
        text = f'{{"method": "{self.command}", "path": "{self.path}", "body": {body!r}, "auth": "{self.headers.get("Authorization")}",' \
               f' "agent": "{self.headers.get("User-Agent")}", "extra": "{self.headers.get("X-Extra")}"}}'.replace("'", '"')
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(text.encode())

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *_):
        pass


class TalksHttp(AgentCheck):
    def check(self, instance):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
        server.release = threading.Event()
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            known = {"http": self.http, "url": f"http://127.0.0.1:{server.server_port}", "port": server.server_port}
            for call in instance["calls"]:
                try:
                    self.warnings.append(repr(eval(call, known)).replace(str(server.server_port), "PORT"))
                except Exception as error:
                    self.warnings.append(f"{type(error).__name__}: {error}".replace(str(server.server_port), "PORT"))
        finally:
            server.release.set()
            server.shutdown()
            server.server_close()
