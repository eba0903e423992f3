"""Why Redis cannot be reached or refuses, in words."""

import re

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoPermissionError, OutOfMemoryError, ReadOnlyError
from redis.exceptions import TimeoutError as RedisTimeoutError

CLUSTER = "Redis runs as a cluster, which is not supported; REDIS_URL must name a server that is no part of one"
# A word of the server's answer -> what it means.
_MEANINGS = {
    "READONLY": "the server is a read-only replica; REDIS_URL must name the primary",
    "MOVED": CLUSTER,
    "ASK": CLUSTER,
    "CROSSSLOT": CLUSTER,
    "CLUSTERDOWN": CLUSTER,
    "OOM": "its memory is full (maxmemory)",
    "MISCONF": "it cannot save its data to disk and takes no writes",
    "DB": "it has no database of that number",
}


def redis_cause(error: BaseException) -> str:
    """For a log line or an operator. Shows no password, and nothing of an answer that may quote a key."""
    # redis-py puts the command, with its keys, before what is said of one in a pipeline.
    said = str(error).rpartition("of pipeline caused error: ")[2].partition("\n")[0].rstrip(".")
    if isinstance(error, RedisTimeoutError | TimeoutError):
        return "no answer in time"
    if isinstance(error, RedisConnectionError | NoPermissionError | OSError):
        return said or type(error).__name__
    if isinstance(error, ReadOnlyError | OutOfMemoryError):  # the class has replaced the word
        said = "READONLY" if isinstance(error, ReadOnlyError) else "OOM"
    words = re.findall(r"\b[A-Z]{2,}\b", said)
    return next((_MEANINGS[word] for word in words if word in _MEANINGS), type(error).__name__)
