"""Answers `GET /metrics`. Whoever can reach the port must not use up the worker's files and threads."""

import socket
import time
from threading import BoundedSemaphore, Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

# Connections served at a time, each in a thread; Prometheus opens one. Others are closed at once.
MAX_CONNECTIONS = 8
# How long one may say nothing, and how long the port rests when the process has no file left for a connection.
SILENT_SECONDS, REST_SECONDS = 10.0, 0.2


class _Handler(WSGIRequestHandler):
    timeout = SILENT_SECONDS

    def log_message(self, *_: Any) -> None:
        """Scrapes are not logged."""


class _Server(ThreadingWSGIServer):
    def server_activate(self) -> None:
        self._places = BoundedSemaphore(MAX_CONNECTIONS)
        super().server_activate()

    def get_request(self) -> Any:
        try:
            return super().get_request()
        except OSError:
            time.sleep(REST_SECONDS)  # it is still waiting, so the loop comes back at once
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._places.acquire(blocking=False):
            try:
                super().process_request(request, client_address)
            except RuntimeError:  # no thread
                self._places.release()
                self.shutdown_request(request)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, *_: Any) -> None:
        """Whoever scrapes sees that it failed; the base class prints a traceback."""


def start_server(host: str, port: int, registry: CollectorRegistry) -> tuple[_Server, Thread]:
    """In a thread, so that a busy event loop still answers. Raises OSError if the port is taken."""
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    serving = type("_Server", (_Server,), {"address_family": family})
    server: _Server = make_server(str(address[0]), port, make_wsgi_app(registry), serving, _Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    return server, thread
