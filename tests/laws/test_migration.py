"""Any objects that MetalLB's definitions accept become valid objects of ExaLB or notes."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from exalb.api.unknown_fields import unknown_fields
from exalb.migration.notes import Level
from exalb.model.kinds import BY_NAME
from tests.support.metallb import migrated
from tests.support.metallb_specs import objects


@given(st.lists(objects, max_size=8), st.booleans())
def test_each_object_is_written_validly_or_noted(foreign: list[dict[str, Any]], all_nodes: bool) -> None:
    migration = migrated(*foreign, all_nodes=all_nodes)
    for raw in migration.objects:
        assert not BY_NAME[raw["kind"]].parse(raw).invalid
        assert not unknown_fields(raw)
    written = {(raw["kind"], raw["metadata"]["name"]) for raw in migration.objects}
    noted = {(note.kind, name) for note in migration.notes for name in note.name.split(", ")}
    pools = {name for note in migration.notes if note.kind == "L2Advertisement" for name in note.message.split()}
    for raw in foreign:
        key = (raw["kind"], raw["metadata"]["name"])
        assert key in written or key in noted or (raw["kind"] == "IPAddressPool" and pools), key


@given(st.lists(objects, max_size=8))
def test_no_more_is_announced_than_by_metallb(foreign: list[dict[str, Any]]) -> None:
    """ExaLB announces everything while there are peers and no advertisement."""
    migration = migrated(*foreign)
    kinds = {raw["kind"] for raw in migration.objects}
    assert "BGPPeer" not in kinds or "BGPAdvertisement" in kinds


@given(st.lists(objects, max_size=6), st.randoms(use_true_random=False))
def test_order_of_the_objects_does_not_matter(foreign: list[dict[str, Any]], random: Any) -> None:
    unique = {(raw["kind"], raw["metadata"]["name"]): raw for raw in foreign}
    shuffled = list(unique.values())
    random.shuffle(shuffled)
    assert migrated(*unique.values()) == migrated(*shuffled)


@given(st.lists(objects, max_size=6))
def test_lost_settings_are_noted_first(foreign: list[dict[str, Any]]) -> None:
    levels = [note.level for note in migrated(*foreign).notes]
    assert levels == sorted(levels, key=list(Level).index)
