"""What custom checks import when Datadog's own base package is not installed."""
__path__ = __import__("pkgutil").extend_path(__path__, __name__)
