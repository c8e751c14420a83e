"""Asks queries and submits what they give."""
import contextlib
import itertools
import logging
import time

from datadog_checks.base.config import is_affirmative
from datadog_checks.base.utils.containers import iter_unique
from datadog_checks.base.utils.db.query import Query
from datadog_checks.base.utils.db.transform import COLUMN_TRANSFORMERS, EXTRA_TRANSFORMERS
from datadog_checks.base.utils.db.utils import SUBMISSION_METHODS, create_submission_transformer, tracked_query


class QueryExecutor:
    """`executor` takes the text of a query and gives its rows; `submitter` has the methods of a check."""

    def __init__(self, executor, submitter, queries=None, tags=None, error_handler=None, hostname=None, logger=None,
                 track_operation_time=False):
        missing = [method for method in SUBMISSION_METHODS if not hasattr(submitter, method)]
        if missing:
            raise ValueError(f"the submitter of a QueryExecutor has no method `{missing[0]}`")
        self.executor, self.submitter = executor, submitter
        self.queries = [query if isinstance(query, Query) else Query(query) for query in queries or ()]
        self.tags = tags or []
        self.error_handler = error_handler  # what an error's text becomes in the log
        self.hostname = hostname
        self.logger = logger or logging.getLogger(__name__)
        self.track_operation_time = track_operation_time

    def compile_queries(self):
        types = dict(COLUMN_TRANSFORMERS)
        for method, kind in SUBMISSION_METHODS.items():
            types[kind] = create_submission_transformer(getattr(self.submitter, method))
        if hasattr(self.submitter, "send_log"):
            types["__send_log"] = create_submission_transformer(self.submitter.send_log)
        for query in self.queries:
            query.compile(types, EXTRA_TRANSFORMERS)

    def execute(self, extra_tags=None):
        """A query that fails is logged, and the next one is asked."""
        tags = [*self.tags, *(extra_tags or ())]
        for query in self.queries:
            if not query.should_execute(time.monotonic()):
                continue
            try:
                with tracked_query(self.submitter, query.name) if self.track_operation_time else contextlib.nullcontext():
                    rows = self.execute_query(query.query)
            except Exception as error:
                said = str(error)
                self.logger.error("Error querying %s: %s", query.name, self.error_handler(said) if self.error_handler else said)
                continue
            for row in rows:
                if self._fits(query, row):
                    self._submit(query, row, [*tags, *query.base_tags])

    def execute_query(self, query):
        """The rows. The first is asked for at once, so that a query that fails does so here."""
        rows = iter(() if (given := self.executor(query)) is None else given)
        first = next(rows, rows)
        return iter(()) if first is rows else itertools.chain((first,), rows)

    def _fits(self, query, row):
        if not row:
            self.logger.debug("Query %s returned an empty result", query.name)
            return False
        columns = len(query.column_transformers)
        if len(row) != columns:
            self.logger.error("Query %s expected %d column%s, got %d", query.name, columns, "s" if columns > 1 else "", len(row))
            return False
        return True

    def _submit(self, query, row, tags):
        """Tags first, wherever their columns stand: they are those of the whole row."""
        sources, waiting = {}, []
        for (name, column), value in zip(query.column_transformers, row):
            if not name:
                continue
            sources[name] = value
            kind, transformer = column
            if transformer is None:
                continue
            if kind == "tag_list":
                tags.extend(transformer(sources, value))
            elif kind.startswith("tag"):
                made = transformer(sources, value)
                tags.extend(() if made is None else (made,))
            else:
                waiting.append((transformer, value))
        options = {"tags": tags, "hostname": self.hostname}
        if query.metric_name_raw:
            options["raw"] = True
        for transformer, value in waiting:
            transformer(sources, value, **options)
        for name, transformer in query.extra_transformers:
            try:
                result = transformer(sources, **options)
            except Exception as error:
                self.logger.error("Error transforming %s: %s", name, error)
                continue
            if result is not None:
                sources[name] = result


class QueryManager(QueryExecutor):
    """The queries of one check, and those of its configuration: `custom_queries` of the instance and
    `global_custom_queries` of its init_config. Its compile_queries() belongs among the check's initializations."""

    def __init__(self, check, executor, queries=None, tags=None, error_handler=None, hostname=None):
        super().__init__(executor, check, queries, tags, error_handler, hostname, check.log)
        self.check = check
        instance = check.instance or {}
        if is_affirmative(instance.get("only_custom_queries", False)):
            self.queries = []
        own, common = list(instance.get("custom_queries") or ()), list(check.init_config.get("global_custom_queries") or ())
        use_common = instance.get("use_global_custom_queries", True)
        if use_common == "extend":
            own += common
        elif not own and is_affirmative(use_common):
            own = common
        for index, data in enumerate(iter_unique(own), 1):
            self.queries.append(Query({"name": f"custom query #{index}", **data}))
        if not self.queries:
            self.logger.warning("QueryManager initialized with no query")
