"""Metrics as text, read back by the parser of Prometheus' own client library."""

import math

from prometheus_client.parser import text_string_to_metric_families

from exalb.runtime.exposition import Counter, Family, Histogram, Sample, process_metrics, render


def read(*families: Family) -> dict[tuple[str, ...], float]:
    """Return the samples that the library finds in the text, by their name and the values of their labels."""
    found = text_string_to_metric_families(render(families))
    return {(line.name, *line.labels.values()): line.value for family in found for line in family.samples}


def test_text_is_that_of_the_format() -> None:
    family = Family(
        "up", "gauge", "Whether\nit is \\ up", [Sample("up", {"a": 'x"y\\z\n', "b": ""}, 1), Sample("up", {}, 0)]
    )
    assert render([family]) == (
        '# HELP up Whether\\nit is \\\\ up\n# TYPE up gauge\nup{a="x\\"y\\\\z\\n",b=""} 1.0\nup 0.0\n'
    )
    assert read(family)["up", 'x"y\\z\n', ""] == 1


def test_numbers_without_an_end_are_read_back() -> None:
    values = {"+": math.inf, "-": -math.inf, "?": math.nan, "small": 1e-9, "large": 2.0**60}
    found = read(Family("x", "gauge", "x", [Sample("x", {"of": name}, value) for name, value in values.items()]))
    assert {name: repr(value) for (_, name), value in found.items()} == {
        name: repr(value) for name, value in values.items()
    }


def test_counter_without_labels_begins_at_zero_and_with_labels_is_absent() -> None:
    plain, labelled = Counter("a_total", "a"), Counter("b_total", "b", ("kind", "outcome"))
    assert read(plain.family(), labelled.family()) == {("a_total",): 0}
    for _ in range(3):
        labelled.inc("Service", "written")
    plain.inc()
    assert read(plain.family(), labelled.family()) == {("a_total",): 1, ("b_total", "Service", "written"): 3}


def test_histogram_counts_up_to_each_bound() -> None:
    histogram = Histogram("h", "h", (0.1, 1.0))
    for value in (0.05, 0.1, 0.5, 2.0):
        histogram.observe(value)
    found = read(histogram.family())
    assert (found["h_bucket", "0.1"], found["h_bucket", "1.0"], found["h_bucket", "+Inf"]) == (2, 3, 4)
    assert (found["h_count",], found["h_sum",]) == (4, 2.65)


def test_process_has_the_names_of_all_client_libraries() -> None:
    found = {name: value for (name,), value in read(*process_metrics()).items()}
    assert sorted(found) == [
        "process_cpu_seconds_total",
        "process_max_fds",
        "process_open_fds",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
        "process_virtual_memory_bytes",
    ]
    assert found["process_virtual_memory_bytes"] > found["process_resident_memory_bytes"] > 1e6
    assert found["process_open_fds"] < found["process_max_fds"]
