"""``steamnet server``: a rendezvous server, until Ctrl-C."""

import argparse
import asyncio
import contextlib
import errno
import logging
import signal
import sys

from ..errors import InitError
from .addresses import is_local, reachable


def run(options: argparse.Namespace) -> int:
    """Serve until interrupted; 0 then."""
    try:
        from .. import rendezvous
        from ..rendezvous.server import read_text
    except ModuleNotFoundError as error:
        raise InitError(str(error)) from error
    _allow_many_files()
    secret = None
    if options.turn_secret is not None:
        secret = read_text(options.turn_secret).strip()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    scheme = "ws" if options.cert is None else "wss"

    def ready(server: rendezvous.Server) -> None:
        print(f"Listening on {server.url} (and on UDP, for STUN)", flush=True)
        for place in reachable(server.address):
            where = "on this machine" if is_local(place) else "elsewhere"
            url = f"{scheme}://{place}"
            print(f"Players {where} type:  steamnet host --rendezvous {url}", flush=True)
        if options.cert is not None:
            print("They write the name that the certificate is for, and not a number", flush=True)

    async def serve() -> None:
        task = asyncio.current_task()
        assert task is not None
        with contextlib.suppress(NotImplementedError):  # Windows has no SIGTERM to handle
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        await rendezvous.serve(
            options.listen,
            cert=options.cert,
            key=options.key,
            tokens=options.tokens,
            stun_address=options.stun_address,
            turn=options.turn,
            turn_secret=secret,
            ready=ready,
        )

    try:
        asyncio.run(serve())
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("goodbye", flush=True)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        say = f"{options.listen} is taken: does another server run there? Or give another --listen"
        print(f"steamnet: {say}", file=sys.stderr)
        return 1
    return 0


def _allow_many_files() -> None:
    """Take as many file descriptors as the system grants: each client needs one."""
    with contextlib.suppress(ImportError, OSError, ValueError):  # Windows has no such limit
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 65536 if most == resource.RLIM_INFINITY else min(most, 65536)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
