"""Formats of what checks read and send."""
