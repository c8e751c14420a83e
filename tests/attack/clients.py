"""Clients that are slow, silent or many: thousands of them in one thread."""
import contextlib
import heapq
import itertools
import selectors
import socket
import threading
import time


class Client:
    """One connection that is opened again a second after it was closed. Does something every `interval` seconds."""
    interval = 1.0

    def __init__(self, port):
        self.port = port
        self.socket = None
        self.closed = 0

    def open(self):
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.prepare()
        with contextlib.suppress(BlockingIOError):
            self.socket.connect(("127.0.0.1", self.port))

    def close(self):
        self.socket.close()
        self.socket = None
        self.closed += 1

    def prepare(self):
        """Before the connection is opened."""

    def begin(self):
        """Once it is open."""

    def turn(self):
        """Every interval."""
        self.take(1)

    def take(self, most):
        try:
            taken = self.socket.recv(most)
        except BlockingIOError:
            return b""
        if not taken:
            raise ConnectionResetError
        return taken


class Idle(Client):
    """Says nothing."""
    interval = 5.0


class SlowReader(Client):
    """Asks for a large page and reads it at 3 KB/s."""
    interval = 0.2

    def __init__(self, port, path="/metrics"):
        super().__init__(port)
        self.path = path

    def prepare(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)

    def begin(self):
        self.socket.send(f"GET {self.path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    def turn(self):
        self.take(600)


class SlowWriter(Client):
    """Sends the body of a POST a byte per two seconds."""
    interval = 2.0

    def begin(self):
        self.socket.send(b"POST /debug/pprof/symbol HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000\r\n\r\n")

    def turn(self):
        self.take(1)
        self.socket.send(b"0")


class SlowHead(SlowWriter):
    """Sends the head of a request as slowly."""

    def begin(self):
        self.socket.send(b"GET /met")


class Poller(Client):
    """Asks for a small page again and again on one connection, and notes how long it waits."""

    def __init__(self, port, path):
        super().__init__(port)
        self.path = path
        self.asked = None
        self.waits = []

    def begin(self):
        self.asked = None

    def turn(self):
        if self.asked is None:
            self.asked = time.monotonic()
            self.socket.send(f"GET {self.path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    def readable(self):
        """False when nothing was there."""
        taken = self.take(1 << 20)
        if taken and self.asked is not None:
            self.waits.append(time.monotonic() - self.asked)
            self.asked = None
        return bool(taken)


class Crowd(threading.Thread):
    """Runs clients until it is stopped."""

    def __init__(self, clients):
        super().__init__(daemon=True)
        self.clients = clients
        self.ended = threading.Event()
        self.failure = None

    def run(self):
        try:
            self._run()
        except BaseException as error:  # told by stop()
            self.failure = error

    def _run(self):
        order = itertools.count()
        due = []  # (when, order, client)
        pollers = selectors.DefaultSelector()
        now = time.monotonic()
        for index, client in enumerate(self.clients):
            heapq.heappush(due, (now + index * 0.0005, next(order), client))
        while not self.ended.is_set():
            now = time.monotonic()
            while due and due[0][0] <= now:
                _, _, client = heapq.heappop(due)
                heapq.heappush(due, (now + self._turn(client, pollers), next(order), client))
            wait = max(0.0, min(0.05, due[0][0] - time.monotonic())) if due else 0.05
            if not pollers.get_map():
                time.sleep(wait)
                continue
            for key, _ in pollers.select(wait):
                try:
                    key.data.readable()
                except OSError:
                    pollers.unregister(key.fileobj)
                    key.data.close()
        for client in self.clients:
            if client.socket is not None:
                client.socket.close()

    @staticmethod
    def _turn(client, pollers):
        """Seconds until its next turn."""
        try:
            if client.socket is None:
                client.open()
                client.fresh = True
                return 0.1  # to connect
            if client.fresh:
                client.fresh = False
                client.begin()
                if isinstance(client, Poller):
                    pollers.register(client.socket, selectors.EVENT_READ, client)
            client.turn()
            return client.interval
        except BlockingIOError:
            return client.interval
        except OSError:
            if isinstance(client, Poller):
                with contextlib.suppress(KeyError, ValueError):
                    pollers.unregister(client.socket)
            client.close()
            return 1.0

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()
        if self.failure is not None:
            raise self.failure
