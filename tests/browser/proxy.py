"""A proxy that passes everything on, but for the port in the Host header, as nginx does with `Host $host`."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


@contextmanager
def without_port(url: str) -> Iterator[str]:
    """The address of the proxy before the service at this one."""
    server = urlsplit(url)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        asked, passed = f"Host: 127.0.0.1:{port}\r\n".encode(), b"Host: 127.0.0.1\r\n"

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=listener.accept()[:1], daemon=True).start()

        def serve(client: socket.socket) -> None:
            with client, socket.create_connection((server.hostname, server.port)) as service:
                back = threading.Thread(target=pump, args=(service, client))
                back.start()
                pump(client, service)
                back.join()

        def pump(source: socket.socket, target: socket.socket) -> None:
            with suppress(OSError):
                while chunk := source.recv(2**16):
                    target.sendall(chunk.replace(asked, passed))
            for each in (source, target):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{port}"
        listener.shutdown(socket.SHUT_RDWR)
