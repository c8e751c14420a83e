"""Rows of settings in which every two values of different settings meet at least once."""
import itertools
import random


def pairwise(factors, seed=1):
    """`factors` maps a name to its values. Yields dicts with a value for each name."""
    choice = random.Random(seed)
    names = list(factors)
    missing = {(a, x, b, y) for a, b in itertools.combinations(names, 2) for x in factors[a] for y in factors[b]}
    while missing:
        a, x, b, y = min(missing, key=str)
        row = {a: x, b: y}
        for name in choice.sample(names, len(names)):
            if name in row:
                continue

            def gain(value):
                return sum(pair(name, value, other, row[other], names) in missing for other in row)
            best = max(map(gain, factors[name]))
            row[name] = choice.choice([value for value in factors[name] if gain(value) == best])
        missing -= {pair(a, row[a], b, row[b], names) for a, b in itertools.combinations(names, 2)}
        yield row


def pair(a, x, b, y, names):
    return (a, x, b, y) if names.index(a) < names.index(b) else (b, y, a, x)
