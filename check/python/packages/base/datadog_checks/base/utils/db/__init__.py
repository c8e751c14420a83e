"""Queries as data: what to ask a database, and what becomes of the columns of each row."""
from datadog_checks.base.utils.db.core import QueryExecutor, QueryManager
from datadog_checks.base.utils.db.query import Query

__all__ = ["Query", "QueryExecutor", "QueryManager"]
