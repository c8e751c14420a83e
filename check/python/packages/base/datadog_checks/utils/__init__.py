"""Older names of what is in datadog_checks.base.utils."""
from datadog_checks.base import older_names

older_names.answer_for("datadog_checks.utils", "datadog_checks.base.utils")
