"""A server on the loopback whose pages go wrong in every way a target can."""
import asyncio
import threading
import time

PAGE = b'{"n": 42}'


class FaultServer:
    """Paths: /good/*, /dead answers nothing and closes, /hang, /slow (a byte now and then), /endless, /loop (redirects), /cut (less than it
    announces), /garbage, /huge (5 GB announced), /huge-unannounced (5 GB in chunks), /status (503), /flaky (every second time)."""

    def __init__(self):
        self.counts = {}
        self.times = {}
        self.sent_bytes = 0
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        ready.wait(30)

    def _run(self, ready):
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=4096, limit=1 << 16))
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    async def _serve(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ", 2)[1].decode()
                self.counts[path] = self.counts.get(path, 0) + 1
                self.times.setdefault(path, []).append(time.monotonic())
                if not await self._answer(path, writer):
                    break
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _send(self, writer, data):
        writer.write(data)
        self.sent_bytes += len(data)
        await writer.drain()

    async def _answer(self, path, writer):
        """False closes the connection."""
        kind = path.split("/")[1].split("?")[0]
        whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(PAGE), PAGE)
        if kind == "good" or (kind == "flaky" and self.counts[path] % 2):
            await self._send(writer, whole)
            return True
        if kind == "hang":
            await asyncio.sleep(3600)
        elif kind == "slow":
            await self._send(writer, b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{")
            while True:
                await asyncio.sleep(0.3)
                await self._send(writer, b" ")
        elif kind == "endless":
            await self._send(writer, b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
            while True:
                await self._send(writer, b"10000\r\n" + b" " * 65536 + b"\r\n")
        elif kind == "loop":
            await self._send(writer, b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % path.encode())
            return True
        elif kind == "cut":
            await self._send(writer, b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + PAGE)
        elif kind == "garbage":
            body = bytes(range(256)) * 20
            await self._send(writer, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            return True
        elif kind == "huge":
            await self._send(writer, b"HTTP/1.1 200 OK\r\nContent-Length: 5000000000\r\n\r\n")
            for _ in range(5_000_000_000 // 65536):
                await self._send(writer, b" " * 65536)
        elif kind == "huge-unannounced":
            await self._send(writer, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(5_000_000_000 // 65536):
                await self._send(writer, b"10000\r\n" + b" " * 65536 + b"\r\n")
        elif kind == "status":
            await self._send(writer, b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
            return True
        return False

    def close(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
