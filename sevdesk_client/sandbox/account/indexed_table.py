"""Records by id and by further keys, so that a look-up costs the same with ten records and with ten thousand."""

from collections.abc import Callable, Hashable
from typing import TypeVar

from sevdesk_client.sandbox.account.records import Record

T = TypeVar("T", bound=Record)


class IndexedTable(dict[int, T]):
    """Records by id, with an index on `keys_of(record)`. Call `put` again after changing a record."""

    def __init__(self, keys_of: Callable[[T], tuple[Hashable, ...]]) -> None:
        super().__init__()
        self._keys_of = keys_of
        self._keys: dict[int, tuple[Hashable, ...]] = {}
        self._index: dict[Hashable, list[int]] = {}

    def put(self, record: T) -> T:
        """Add a record, or index it again after a change."""
        keys = self._keys_of(record)
        if self._keys.get(record.id) != keys:
            self._unindex(record)
            for key in keys:
                self._index.setdefault(key, []).append(record.id)
            self._keys[record.id] = keys
        self[record.id] = record
        return record

    def remove(self, record: T) -> None:
        """Delete a record."""
        self._unindex(record)
        del self[record.id]

    def with_key(self, key: Hashable) -> list[T]:
        """The records with this key, in the order in which they got it."""
        return [self[ident] for ident in self._index.get(key, ())]

    def _unindex(self, record: T) -> None:
        for key in self._keys.pop(record.id, ()):
            self._index[key].remove(record.id)
            if not self._index[key]:
                del self._index[key]
