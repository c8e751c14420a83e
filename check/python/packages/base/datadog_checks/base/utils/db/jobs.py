"""Work that a check of a database does between its runs, on a thread of its own."""
import concurrent.futures
import logging
import os
import threading
import time

from datadog_checks.base.config import is_affirmative
from datadog_checks.base.log import get_check_logger
from datadog_checks.base.utils.db.host import resolve_db_host
from datadog_checks.base.utils.db.limits import ConstantRateLimiter


class Threads:
    """submit() calls a function on a thread of its own, which ends with the program and does not hold it up."""

    @staticmethod
    def submit(function, *args, **keywords):
        future = concurrent.futures.Future()

        def call():
            future.set_running_or_notify_cancel()
            try:
                future.set_result(function(*args, **keywords))
            except BaseException as error:  # its owner asks for it
                future.set_exception(error)

        threading.Thread(target=call, name="heapwatch-job", daemon=True).start()
        return future


class DBMAsyncJob:
    """run_job(), which its subclass defines, is called `rate_limit` times a second. The loop begins with run_job_loop(), which a
    check calls in each of its runs, and ends after cancel(), when the check has not run for two of its intervals, and on an error;
    the next run begins it again. With `run_sync` there is no thread: each run calls run_job() once."""

    executor = Threads

    def __init__(self, check, config_host=None, min_collection_interval=15, dbms="unknown", rate_limit=1, run_sync=False,
                 enabled=True, expected_db_exceptions=(), shutdown_callback=None, job_name=None, **_):
        self._check, self._dbms, self._job_name = check, dbms, job_name
        self._config_host, self._db_hostname = config_host, None
        self._log = get_check_logger(check.log)
        self._min_collection_interval = min_collection_interval
        self._rate_limiter = ConstantRateLimiter(rate_limit)
        self._run_sync, self._enabled = run_sync, enabled
        self._expected_db_exceptions = expected_db_exceptions
        self._shutdown_callback = shutdown_callback
        self._job_loop_future, self._last_check_run = None, 0
        self._cancel_event = threading.Event()
        self._tags = self._tags_no_db = None
        self._tags_str = self._job_tags_str = ""
        self._job_tags = []

    def run_job(self):
        raise NotImplementedError(f"{type(self).__name__} does not define run_job(self)")

    def cancel(self):
        """The loop ends soon."""
        self._cancel_event.set()

    def run_job_loop(self, tags):
        if not self._enabled:
            self._log.debug("[job=%s] Job not enabled.", self._job_name)
            return
        if not self._db_hostname:
            self._db_hostname = resolve_db_host(self._config_host)
        self._tags = tags
        self._job_tags = [*tags, f"job:{self._job_name}"]
        self._tags_str, self._job_tags_str = ",".join(self._tags), ",".join(self._job_tags)
        self._last_check_run = time.time()
        if self._run_sync or is_affirmative(os.environ.get("DBM_THREADED_JOB_RUN_SYNC", "false")):
            self._run_job_rate_limited()
        elif self._job_loop_future is None or self._job_loop_future.done():
            self._job_loop_future = self.executor.submit(self._job_loop)

    def _count(self, what, *tags):
        self._check.count(f"dd.{self._dbms}.async_job.{what}", 1, tags=[*self._job_tags, *tags], raw=True)

    def _job_loop(self):
        try:
            self._log.debug("[%s] Starting job loop", self._job_tags_str)
            while not self._cancel_event.is_set():
                if time.time() - self._last_check_run > 2 * self._min_collection_interval:
                    self._log.info("[%s] Job loop stopping due to check inactivity", self._job_tags_str)
                    self._count("inactive_stop")
                    return
                self._run_job_rate_limited()
            self._count("cancel")
        except Exception as error:
            self._tell(error)
        finally:
            self._log.debug("[%s] Shutting down job loop", self._job_tags_str)
            if self._shutdown_callback:
                self._shutdown_callback()

    def _tell(self, error):
        if self._cancel_event.is_set():  # a connection that is closed under a query
            self._log.debug("[%s] Job loop error after cancel: %s", self._job_tags_str, error)
            self._count("cancel")
        elif isinstance(error, tuple(self._expected_db_exceptions)):
            self._log.warning("[%s] Job loop database error: %s", self._job_tags_str, error,
                              exc_info=self._log.getEffectiveLevel() <= logging.DEBUG)
            self._count("error", f"error:database-{type(error)}")
        else:
            self._log.exception("[%s] Job loop crash", self._job_tags_str)
            self._count("error", f"error:crash-{type(error)}")

    def _set_rate_limit(self, rate_limit):
        if self._rate_limiter.rate_limit_s != rate_limit:
            self._rate_limiter = ConstantRateLimiter(rate_limit)

    def _run_job_rate_limited(self):
        self._run_job_traced()
        if not self._cancel_event.is_set():
            self._rate_limiter.sleep(self._cancel_event)

    def _run_job_traced(self):
        return self.run_job()
