"""Objects of Kubernetes that are not shaped as its API says are reported, not guessed."""

from exalb.kube.manifests import snapshot_of
from tests.support.objects import endpoint, endpoints


def test_condition_that_is_no_boolean_is_reported() -> None:
    cluster, problems = snapshot_of([endpoints("web", endpoint(ready="yes"))], "exalb-system")
    assert not cluster.slices
    assert "EndpointSlice" in repr(problems)
