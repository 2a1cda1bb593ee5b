"""The conditions of a BGPPeer about its sessions: one that is down, one that flaps, and both at once."""

from pathlib import Path

from exalb.kube.manifests import snapshot_of
from tests.support.decisions import changes_of
from tests.support.golden import assert_golden
from tests.support.objects import Object, made, node, peer
from tests.support.observing import FLAPS, down, session, speaker

GOLDEN = Path(__file__).with_name("sessions.txt")
FLAPPING = session(ended=FLAPS, endedBecause="NOTIFICATION the peer sent: hold timer expired")
CASES = {
    "all is well": [session(), session()],
    "one session is down": [down(), session()],
    "one session flaps": [session(), FLAPPING],
    "one session is down, another flaps": [down(), FLAPPING, session()],
    "many are down, many flap": [*(down() for _ in range(4)), *(FLAPPING for _ in range(5))],
    "one that flaps is down now": [{**FLAPPING, **down(error="hold timer expired")}, session()],
}


def test_conditions_of_sessions() -> None:
    found = (f"# {title}\n{''.join(conditions(reports))}" for title, reports in CASES.items())
    assert_golden(GOLDEN, "\n".join(found))


def conditions(reports: list[Object]) -> list[str]:
    """Return a line for each condition about the sessions; each report is of a node of its own."""
    nodes = {f"n{number}": report for number, report in enumerate(reports, 1)}
    raws = [peer(), *map(node, nodes), *(speaker(name, report) for name, report in nodes.items())]
    cluster, _ = snapshot_of(raws, "exalb-system")
    (write,) = (write for write in changes_of(cluster, made(9)).writes if write.kind == "BGPPeer")
    rows = (row for row in write.body["status"]["conditions"] if row["type"] in ("Ready", "Established"))
    return [f"{row['type']}={row['status']} {row['reason']}: {row['message']}\n" for row in rows]
