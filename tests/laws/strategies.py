"""Inputs of the laws: clusters and single objects, by their seeds. Shrinking leaves objects out."""

from hypothesis import strategies as st

from tests.laws.making import EVERYTHING, ORDINARY, SERVICES, Maker, make_cluster, make_one

seeds = st.integers(0, 1 << 40)

clusters = st.builds(make_cluster, seeds, st.one_of(st.integers(0, EVERYTHING), st.just(EVERYTHING), st.just(ORDINARY)))
"""A cluster with pools, Services with endpoints, and peers."""

objects = st.builds(make_one, st.integers(0, 100), seeds)
"""Any one object."""

services = st.builds(lambda seed, name: Maker(seed).service(name), seeds, st.sampled_from(SERVICES))
advertisements = st.builds(lambda seed, name: Maker(seed).advertisement(name), seeds, st.sampled_from("mno"))
