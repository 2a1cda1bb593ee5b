"""A witness: it sees every state of every Service, in the order in which the API server took them."""

import json
from typing import Any

from tests.lab.api import Client, Json
from tests.lab.cluster import Lab

SHARING_KEY = "exalb.io/sharing-key"


class Witness:
    """Follows the Services of one namespace from their state at this moment, and notes what must never be."""

    def __init__(self, lab: Lab, services: str) -> None:
        self._client, self._services = Client.of(lab.layout), services
        listed = self._client.get(services)
        self._since = listed["metadata"]["resourceVersion"]
        self._now: dict[str, Json] = {}
        self.moments = 0
        """States seen so far."""
        self.wrong: list[str] = []
        """Every moment at which two Services had one address, and might not."""
        for service in listed["items"]:
            self._take("ADDED", service)

    def follow(self, last: str) -> None:
        """Watch until a Service called `last` is there."""
        connection = self._client._connection
        connection.request("GET", f"{self._services}?watch=true&resourceVersion={self._since}")
        for line in connection.getresponse():
            event = json.loads(line)
            if self._take(event["type"], event["object"]) == last:
                break
        self._client.close()

    def _take(self, happened: str, service: Json) -> str:
        assert happened in ("ADDED", "MODIFIED", "DELETED"), service
        name: str = service["metadata"]["name"]
        self.moments += 1
        if happened == "DELETED":
            del self._now[name]
            return name
        self._now[name] = service
        for address in addresses(service):
            for other in self._now.values():
                if other is not service and address in addresses(other) and not may_share(service, other):
                    at = service["metadata"]["resourceVersion"]
                    self.wrong.append(f"at {at}: {name} and {other['metadata']['name']} have {address}")
        return name


def addresses(service: Json) -> list[str]:
    """Return the addresses in a Service's status."""
    return [entry["ip"] for entry in service["status"].get("loadBalancer", {}).get("ingress", [])]


def may_share(one: Json, other: Json) -> bool:
    """Whether both have the same sharing key and no port in common; their traffic policy is always Cluster."""
    keys = {service["metadata"].get("annotations", {}).get(SHARING_KEY) for service in (one, other)}
    return len(keys) == 1 and None not in keys and not _ports(one) & _ports(other)


def _ports(service: Json) -> set[tuple[Any, Any]]:
    return {(port["protocol"], port["port"]) for port in service["spec"]["ports"]}
