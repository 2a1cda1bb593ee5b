"""The metrics of the controller: what it decided last, read at each scrape."""

from collections import Counter
from collections.abc import Iterator, Mapping

from exalb.allocation.allocator import Allocation
from exalb.allocation.outcome import Outcome
from exalb.api.reasons import Reason
from exalb.model.cluster import Cluster, Key
from exalb.model.kinds import CONFIGURATION
from exalb.runtime import metrics
from exalb.runtime.exposition import Family
from exalb.validation.rules import Rules


def decisions(cluster: Cluster, rules: Rules, allocation: Allocation) -> Iterator[Family]:
    """Yield the metrics of the last round."""
    yield metrics.SERVICES.family(_services(allocation.outcomes))
    yield metrics.RESOURCES.by_label({kind.name: len(getattr(cluster, kind.cluster_field)) for kind in CONFIGURATION})
    yield metrics.RESOURCES_NOT_ACCEPTED.family(_not_accepted(rules))
    rows = [((pool, family.label), use) for (pool, family), use in allocation.use.items()]
    yield metrics.POOL_CAPACITY.family([(labels, float(use.capacity)) for labels, use in rows])
    yield metrics.POOL_ASSIGNED.family([(labels, float(use.assigned)) for labels, use in rows])


def _services(outcomes: Mapping[Key, Outcome]) -> metrics.Rows:
    counts = Counter(
        (
            "assigned" if outcome.addresses else "pending",
            (outcome.refusal.reason if outcome.refusal else Reason.ASSIGNED).value,
        )
        for outcome in outcomes.values()
    )
    counts.update({("assigned", Reason.ASSIGNED.value): 0})  # a sum over no Services is 0, and not absent
    return [(labels, float(count)) for labels, count in counts.items()]


def _not_accepted(rules: Rules) -> metrics.Rows:
    """Count each resource once, with the reason that its condition shows."""
    reasons: dict[tuple[str, str], str] = {}
    for finding in rules.invalid:
        reasons.setdefault((finding.kind, finding.name), finding.reason.value)
    counts = Counter((kind, reason) for (kind, _), reason in reasons.items())
    return [(labels, float(count)) for labels, count in counts.items()]
