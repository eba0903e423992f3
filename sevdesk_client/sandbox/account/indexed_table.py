"""A table with one secondary index, so that a look-up costs the same with ten rows and with ten thousand."""

from collections.abc import Callable, Hashable, Iterator
from typing import Generic, Protocol, TypeVar


class HasId(Protocol):
    """Anything sevDesk numbers."""

    id: int


T = TypeVar("T", bound=HasId)


class Shelf(Generic[T]):
    """Things by id, and by what `key` says of them; `put` again after changing one."""

    def __init__(self, key: Callable[[T], Hashable]) -> None:
        self._key = key
        self._items: dict[int, T] = {}
        self._keys: dict[int, Hashable] = {}
        self._index: dict[Hashable, dict[int, T]] = {}

    def put(self, item: T) -> T:
        """Remember an item, or that it has changed."""
        if item.id in self._items:
            del self._index[self._keys[item.id]][item.id]
        key = self._keys[item.id] = self._key(item)
        self._items[item.id] = self._index.setdefault(key, {})[item.id] = item
        return item

    def drop(self, item: T) -> None:
        """Forget an item."""
        del self._items[item.id], self._index[self._keys.pop(item.id)][item.id]

    def having(self, key: Hashable) -> list[T]:
        """The items of one key, oldest first."""
        return list(self._index.get(key, {}).values())

    def __contains__(self, ident: object) -> bool:
        return ident in self._items

    def __getitem__(self, ident: int) -> T:
        return self._items[ident]

    def __iter__(self) -> Iterator[T]:
        return iter(self._items.values())

    def __reversed__(self) -> Iterator[T]:
        return reversed(self._items.values())

    def __len__(self) -> int:
        return len(self._items)
