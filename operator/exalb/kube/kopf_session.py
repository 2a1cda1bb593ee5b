"""The HTTP session of kopf, which needs one of aiohttp: our identity, our trust, and sockets that notice a loss."""

import socket

import aiohttp

from exalb.kube.credentials import Credentials
from exalb.runtime.http_client import notice_loss
from exalb.runtime.version import VERSION


def open_session(credentials: Credentials, *middlewares: aiohttp.ClientMiddlewareType) -> aiohttp.ClientSession:
    """Open an HTTP session that says who we are at every request; needs a running loop, whose own it is."""

    async def authorize(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        try:
            value = credentials.authorization()
        except OSError as error:  # such as a token that kubelet does not mount yet
            raise aiohttp.ClientConnectionError(f"cannot read the credentials: {error}") from error
        if value:
            request.headers["Authorization"] = value
        return await send(request)

    connector = aiohttp.TCPConnector(limit=0, ssl=credentials.tls or True, socket_factory=_socket, ttl_dns_cache=30)
    headers = {"User-Agent": f"exalb/{VERSION}", "Accept": "application/json"}
    return aiohttp.ClientSession(connector=connector, headers=headers, middlewares=(authorize, *middlewares))


def _socket(info: aiohttp.AddrInfoType) -> socket.socket:
    """Make a socket that notices within half a minute that the other end vanished without a word."""
    family, kind, protocol, _, _ = info
    made = socket.socket(family, kind, protocol)
    notice_loss(made)
    return made
