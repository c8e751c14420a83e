"""See aggregator.py."""


def get_connection_info():
    return {}
