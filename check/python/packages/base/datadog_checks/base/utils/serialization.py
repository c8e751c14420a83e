"""JSON as checks import it."""
import json

__all__ = ["json"]
