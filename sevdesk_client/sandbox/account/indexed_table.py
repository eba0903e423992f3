"""Records by id and by one more key, so that a look-up costs the same with ten records and with ten thousand."""

from collections.abc import Callable, Hashable, Iterator
from typing import Generic, Protocol, TypeVar


class HasId(Protocol):
    """A record with sevDesk's id."""

    id: int


T = TypeVar("T", bound=HasId)


class IndexedTable(Generic[T]):
    """Records by id, with an index on `key(record)`. Call `put` again after changing a record."""

    def __init__(self, key: Callable[[T], Hashable]) -> None:
        self._key = key
        self._records: dict[int, T] = {}
        self._keys: dict[int, Hashable] = {}
        self._index: dict[Hashable, dict[int, T]] = {}

    def put(self, record: T) -> T:
        """Add a record, or index it again after a change."""
        if record.id in self._records:
            del self._index[self._keys[record.id]][record.id]
        key = self._keys[record.id] = self._key(record)
        self._records[record.id] = self._index.setdefault(key, {})[record.id] = record
        return record

    def remove(self, record: T) -> None:
        """Delete a record."""
        del self._records[record.id], self._index[self._keys.pop(record.id)][record.id]

    def with_key(self, key: Hashable) -> list[T]:
        """The records with this key, oldest first."""
        return list(self._index.get(key, {}).values())

    def __contains__(self, ident: object) -> bool:
        return ident in self._records

    def __getitem__(self, ident: int) -> T:
        return self._records[ident]

    def __iter__(self) -> Iterator[T]:
        return iter(self._records.values())

    def __reversed__(self) -> Iterator[T]:
        return reversed(self._records.values())

    def __len__(self) -> int:
        return len(self._records)
