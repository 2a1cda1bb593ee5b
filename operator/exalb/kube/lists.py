"""Lists the objects of one kind, as manifests have them."""

from exalb.kube.client import Json, NotFoundError, Reader


async def list_objects(
    api: Reader, kind: str, version: str, path: str, query: dict[str, str] | None = None
) -> list[Json] | None:
    """Return all objects with their kind and version, which a list leaves out; None if the server has no such kind."""
    try:
        return [
            {"apiVersion": version, "kind": kind, **item}
            async for page in api.list(path, query or {})
            for item in page.items
        ]
    except NotFoundError:
        return None
