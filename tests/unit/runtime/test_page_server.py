"""The server of probes and scrapes, before clients that speak HTTP well, badly, and without reading."""

import asyncio
from http import HTTPStatus

import pytest

from exalb.runtime.page_server import Page, serve_pages

LONG = "x" * 1_000_000


def broken() -> Page:
    raise RuntimeError("no page")


PAGES = {"/ok": lambda: Page("ok\n"), "/no": lambda: Page("", HTTPStatus.SERVICE_UNAVAILABLE), "/broken": broken}


async def said(request: str, pages: int = 1) -> list[str]:
    """Send octets, and return the answers: of each its status line and fields, and its body."""
    async with serve_pages(PAGES, "127.0.0.1:0") as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request.encode("latin-1"))
        answers = []
        async with asyncio.timeout(10):
            for _ in range(pages):
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = int(head.partition("Content-Length: ")[2].partition("\r\n")[0])
                answers.append(head + (await reader.readexactly(0 if request.startswith("HEAD") else length)).decode())
            if "Connection: close" in answers[-1]:
                assert await reader.read() == b""
        writer.close()
        return answers


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("GET /ok HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK"),
        ("GET /ok?a=b HTTP/1.1\r\n\r\n", "200 OK"),
        ("HEAD /ok HTTP/1.1\r\n\r\n", "200 OK"),
        ("GET /no HTTP/1.1\r\n\r\n", "503 Service Unavailable"),
        ("GET /elsewhere HTTP/1.1\r\n\r\n", "404 Not Found"),
        ("POST /ok HTTP/1.1\r\n\r\n", "405 Method Not Allowed"),
        ("GET /broken HTTP/1.1\r\n\r\n", "500 Internal Server Error"),
        ("GET /ok\r\n\r\n", "400 Bad Request"),
        ("GET /ok SSH/2.0\r\n\r\n", "400 Bad Request"),
        (f"GET /{'x' * 20_000}", "431 Request Header Fields Too Large"),
    ],
)
async def test_request_has_its_answer(request_: str, status: str) -> None:
    [answer] = await said(request_)
    assert answer.startswith(f"HTTP/1.1 {status}\r\n")


async def test_requests_of_one_connection_are_answered_in_order() -> None:
    first, second, last = await said(
        "GET /ok HTTP/1.1\r\n\r\nGET /no HTTP/1.1\r\n\r\nGET /ok HTTP/1.0\r\n\r\n", pages=3
    )
    assert ("200 OK" in first, "503" in second, "200 OK" in last) == (True, True, True)
    assert ("Connection: close" in first, "Connection: close" in last) == (False, True)


async def test_body_of_a_request_is_no_second_request() -> None:
    [answer] = await said("GET /ok HTTP/1.1\r\nContent-Length: 25\r\n\r\nGET /no HTTP/1.1\r\n\r\n     ")
    assert "Connection: close" in answer


async def test_client_that_does_not_read_has_few_answers_made_for_it() -> None:
    made = 0

    def page() -> Page:
        nonlocal made
        made += 1
        return Page(LONG)

    requests = 200
    async with serve_pages({"/": page}, "127.0.0.1:0") as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n" * requests)
        async with asyncio.timeout(30):
            await reader.readuntil(b"\r\n\r\n")
            assert made < requests / 2
            received = 0
            while received < requests * len(LONG):
                received += len(await reader.read(1 << 20))
        assert made == requests
        writer.close()
