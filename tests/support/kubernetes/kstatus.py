"""kstatus' rules for a custom resource, in its order: deletion, generation, Reconciling and Stalled, and then Ready."""

from tests.lab.api import Json


def kstatus(obj: Json) -> str:
    """Return the status that Flux, `kustomize` and Helm's `--wait` compute for an object."""
    if obj["metadata"].get("deletionTimestamp"):
        return "Terminating"
    status = obj.get("status", {})
    if status.get("observedGeneration", obj["metadata"]["generation"]) != obj["metadata"]["generation"]:
        return "InProgress"
    conditions = {entry["type"]: entry["status"] for entry in status.get("conditions", [])}
    if conditions.get("Reconciling") == "True":
        return "InProgress"
    if conditions.get("Stalled") == "True":
        return "Failed"
    return "Current" if conditions.get("Ready", "True") == "True" else "InProgress"
