"""JSON as checks import it."""
import json

sort_keys_kwargs = {"sort_keys": True}  # for dumps()

__all__ = ["json", "sort_keys_kwargs"]
