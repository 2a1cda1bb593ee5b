"""The return of a node in steps: how routes are announced, for how long, and how the settings are read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exalb.announcement.returning import NO_RETURN, Depreference, Means, ReturnPolicy, return_step
from exalb_bgp.rib import GRACEFUL_SHUTDOWN, Attributes, Community

SHUTDOWN = Depreference()
PREPEND, MED = Depreference(Means.PREPEND, 2), Depreference(Means.MED, 50)
BOTH = ReturnPolicy(30, (PREPEND, MED), 10)


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("GRACEFUL_SHUTDOWN", SHUTDOWN),
        (" prepend=2 ", PREPEND),
        ("prepend=16", Depreference(Means.PREPEND, 16)),
        ("med=50", MED),
        ("med=4294967295", Depreference(Means.MED, 2**32 - 1)),
    ],
)
def test_step_is_read_and_written(text: str, how: Depreference) -> None:
    assert Depreference.parse(text) == how
    assert str(how) == text.strip()


@pytest.mark.parametrize(
    "text",
    [
        *("", "prepend", "prepend=", "prepend=0", "prepend=17", "prepend=-1", "prepend=\u0663", "med=4294967296"),
        *("weight=1", "GRACEFUL_SHUTDOWN=1"),
    ],
)
def test_text_that_is_no_step_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no step"):
        Depreference.parse(text)
    assert Depreference.of_report(text) == SHUTDOWN


PLAIN = Attributes(med=7, as_path_prepend=1, communities=(Community(65535, 65281),))


@pytest.mark.parametrize(
    ("how", "is_ibgp", "changed"),
    [
        pytest.param(SHUTDOWN, False, {"communities": (GRACEFUL_SHUTDOWN, Community(65535, 65281))}, id="community"),
        pytest.param(PREPEND, False, {"as_path_prepend": 3}, id="prepend"),
        pytest.param(PREPEND, True, {"communities": (GRACEFUL_SHUTDOWN, Community(65535, 65281))}, id="ibgp"),
        pytest.param(MED, True, {"med": 57}, id="med"),
        pytest.param(Depreference(Means.MED, 2**32 - 1), False, {"med": 2**32 - 1}, id="largest-med"),
    ],
)
def test_attributes(how: Depreference, is_ibgp: bool, changed: dict[str, object]) -> None:
    after = how.applied(PLAIN, is_ibgp=is_ibgp)
    found = {name: getattr(after, name) for name in Attributes.__slots__}
    assert found == {name: getattr(PLAIN, name) for name in Attributes.__slots__} | changed


@pytest.mark.parametrize(
    ("policy", "elapsed", "step"),
    [
        pytest.param(NO_RETURN, 0, None, id="off"),
        pytest.param(BOTH, 0, (1, 3, SHUTDOWN, 30), id="first"),
        pytest.param(BOTH, 29.9, (1, 3, SHUTDOWN, 30), id="still-the-first"),
        pytest.param(BOTH, 30, (2, 3, PREPEND, 40), id="second"),
        pytest.param(BOTH, 49, (3, 3, MED, 50), id="last"),
        pytest.param(BOTH, 50, None, id="over"),
        pytest.param(ReturnPolicy(0, (PREPEND,), 10), 0, (1, 1, PREPEND, 10), id="without-the-community"),
        pytest.param(ReturnPolicy(5), 0, (1, 1, SHUTDOWN, 5), id="the-community-alone"),
    ],
)
def test_step_by_time(policy: ReturnPolicy, elapsed: float, step: tuple[object, ...] | None) -> None:
    assert return_step(policy, elapsed) == step


seconds = st.floats(0, 3600).filter(lambda value: value == 0 or value > 1e-3)
policies = st.builds(
    ReturnPolicy, seconds, st.lists(st.sampled_from([PREPEND, MED]), max_size=5).map(tuple), st.floats(1, 3600)
)


@given(policies)
def test_steps_follow_one_another_until_the_end(policy: ReturnPolicy) -> None:
    """Each ends where the next begins, none is left out, and the last ends the return."""
    found, now = [], 0.0
    while (step := return_step(policy, now)) is not None:
        found.append(step)
        assert step.ends > now
        now = step.ends
    assert [(step.number, step.steps) for step in found] == [(n, len(found)) for n in range(1, len(found) + 1)]
    assert [step.how for step in found] == [how for how, _ in policy.timed]
