"""Values of maps, lists and sets that can be compared and hashed."""


def freeze(value):
    """The value as tuples and frozen sets: equal values give equal results, whatever the order of their keys."""
    if isinstance(value, dict):
        return tuple(sorted(((freeze(key), freeze(inner)) for key, inner in value.items()), key=repr))
    if isinstance(value, (list, tuple)):
        return tuple(sorted((freeze(item) for item in value), key=repr))
    if isinstance(value, (set, frozenset)):
        return frozenset(freeze(item) for item in value)
    return value


def hash_mutable(value):
    """A hash of what cannot be hashed itself; lists with the same items in another order have the same."""
    return hash(freeze(value))


def iter_unique(*iterables):
    """Each item once, in the order in which it first comes."""
    seen = set()
    for iterable in iterables:
        for item in iterable:
            key = hash_mutable(item)
            if key not in seen:
                seen.add(key)
                yield item
