"""The tags of a check that learns them bit by bit, by key."""
import enum


class TagType(enum.Enum):
    KEYLESS = "keyless"


class TagManager:
    """A key has each value once, in the order in which they came. Tags without a key have None for it."""

    INTERNAL = "dd.internal"  # what keys begin with that are not for everybody

    def __init__(self, normalizer=None):
        self._normalizer = normalizer
        self._tags = {}

    def _parts(self, key, value, normalize):
        if normalize and self._normalizer is not None:
            value = self._normalizer(value)
        return TagType.KEYLESS if key is None else key, value

    def set_tag(self, key, value, replace=False, normalize=False):
        key, value = self._parts(key, value, normalize)
        values = [] if replace else self._tags.get(key, [])
        self._tags[key] = values if value in values else [*values, value]

    def set_tags_from_list(self, tag_list, replace=False, normalize=False):
        if replace:
            self._tags = {}
        for tag in tag_list:
            key, colon, value = tag.partition(":")
            self.set_tag(key if colon else None, value if colon else tag, normalize=normalize)

    def delete_tag(self, key, value=None, normalize=False):
        """All values of the key without a value; whether there was something to delete."""
        if value is None:
            return self._tags.pop(TagType.KEYLESS if key is None else key, None) is not None
        key, value = self._parts(key, value, normalize)
        values = self._tags.get(key, [])
        if value not in values:
            return False
        values = [other for other in values if other != value]
        if values:
            self._tags[key] = values
        else:
            del self._tags[key]
        return True

    def get_tags(self, include_internal=True):
        return [value if key is TagType.KEYLESS else f"{key}:{value}" for key, values in self._tags.items()
                if include_internal or key is TagType.KEYLESS or not key.startswith(self.INTERNAL) for value in values]
