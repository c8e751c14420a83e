"""Functions that are given up after a while."""
import functools
import threading


class TimeoutException(Exception):
    """The function did not return in time."""


def timeout(seconds):
    """A decorator. The call goes on in a thread of its own when it is given up; the same call made again waits for it."""

    def decorate(function):
        running = {}
        lock = threading.Lock()

        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            key = repr((args, sorted(kwargs.items())))
            with lock:
                call = running.get(key)
                if call is None:
                    call = running[key] = _Call(function, args, kwargs)
                    call.start()
            call.join(seconds)
            if call.is_alive():
                raise TimeoutException(f"{function.__name__} did not return within {seconds} s")
            with lock:
                if running.get(key) is call:
                    del running[key]
            if call.error is not None:
                raise call.error
            return call.result

        return wrapper

    return decorate


class _Call(threading.Thread):
    def __init__(self, function, args, kwargs):
        super().__init__(daemon=True)
        self._call = functools.partial(function, *args, **kwargs)
        self.result = self.error = None

    def run(self):
        try:
            self.result = self._call()
        except Exception as error:
            self.error = error
