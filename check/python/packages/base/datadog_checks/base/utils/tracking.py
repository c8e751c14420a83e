"""Measuring methods of checks: taken, and without effect."""


def tracked_method(*_, **__):
    return lambda method: method
