"""Names that checks give the types of what they hand to queries."""
from typing import Any, Callable, Iterable, Sequence

QueriesExecutor = Callable[[str], Iterable[Sequence]]
QueriesSubmitter = Any
Transformer = Callable
TransformerFactory = Callable
