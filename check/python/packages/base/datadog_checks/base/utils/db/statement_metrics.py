"""What statements did since the last run, from tables in which databases count it since they were started."""
import logging

logger = logging.getLogger(__name__)


def _merged(rows, metrics, key):
    """The rows by their key; what several rows of one key count is added up."""
    merged = {}
    for row in rows:
        of_row = key(row)
        before = merged.get(of_row)
        if before is None:
            merged[of_row] = dict(row)
            continue
        for column in metrics & row.keys():
            before[column] = before.get(column, 0) + row[column]
    return merged


class StatementMetrics:
    def __init__(self):
        self._previous_statements = {}

    def compute_derivative_rows(self, rows, metrics, key, execution_indicators=None):
        """The rows with what their columns `metrics` grew by since the last call. Left out: a row that was not there, one that
        shrank (the database counts from the beginning again), one in which nothing grew, and one in which none of the
        `execution_indicators` did."""
        metrics = set(metrics)
        if rows and (missing := metrics - set(rows[0])):
            logger.warning("Some statement metrics are not available from the table: %s", ",".join(sorted(missing)))
        indicators = set(execution_indicators or ())
        now, grown = _merged(rows, metrics, key), []
        for of_row, row in now.items():
            before = self._previous_statements.get(of_row)
            if before is None:
                continue
            columns = metrics & row.keys() & before.keys()
            changes = {column: row[column] - before[column] for column in columns}
            if any(change < 0 for change in changes.values()) or not any(changes.values()):
                continue
            if indicators and not any(changes.get(column, 0) > 0 for column in indicators):
                continue
            grown.append({**row, **changes})
        self._previous_statements = now
        return grown


def apply_row_limits(rows, metric_limits, tiebreaker_metric, tiebreaker_reverse, key):
    """For each metric of `metric_limits` the rows with its highest and its lowest values, as many as (highest, lowest) says: each row
    once. Of equal values those go first whose `tiebreaker_metric` is the highest (the lowest, with `tiebreaker_reverse`)."""
    if not rows:
        return rows
    sign, kept = -1 if tiebreaker_reverse else 1, {}
    for metric, (highest, lowest) in metric_limits.items():
        if metric not in rows[0]:
            continue
        ordered = sorted(rows, key=lambda row: (row[metric], sign * row[tiebreaker_metric]))
        for row in [*(ordered[-highest:] if highest else ()), *ordered[:lowest]]:
            kept[key(row)] = row
    return list(kept.values())
