"""Flags and defaults of the programs."""

import click
import pytest
from pydantic import ValidationError

from exalb.announcement.returning import NO_RETURN, Depreference, Means, ReturnPolicy
from exalb.model.scope import Scope
from exalb.programs.settings import (
    BGPSettings,
    ControllerSettings,
    FirstSettings,
    Settings,
    SpeakerSettings,
    from_options,
    options,
)


def read(kind: type[Settings], *arguments: str) -> Settings:
    """Return the settings that a command line gives."""
    command = click.Command("exalb", params=[*options(kind)], callback=lambda **values: from_options(kind, values))
    settings = command.main(list(arguments), standalone_mode=False)
    assert isinstance(settings, kind)
    return settings


def test_flags_are_read() -> None:
    arguments = ["--node-name", "n1", "--require-class", "--listen", "[::1]:80", "--directory", "/run/x"]
    settings = read(SpeakerSettings, *arguments)
    assert isinstance(settings, SpeakerSettings)
    assert (settings.node_name, settings.require_class, settings.listen) == ("n1", True, "[::1]:80")
    assert (settings.directory, settings.namespace, settings.log_format) == ("/run/x", "exalb-system", "json")


def test_scope_is_read_from_flags() -> None:
    chosen = ["--node-name=n1", "--load-balancer-class=example.org/lb", "--require-class", "--ignore-exclude-label"]
    settings = read(SpeakerSettings, *chosen)
    assert isinstance(settings, SpeakerSettings)
    assert settings.scope == Scope("example.org/lb", require_class=True, ignore_exclude_label=True)
    assert ControllerSettings().scope == Scope()


def test_steps_of_a_return_are_read_from_flags() -> None:
    steps = ["--drain-return-seconds=30", "--drain-return-steps=prepend=2, med=5", "--drain-return-step-seconds=15"]
    settings = read(SpeakerSettings, "--node-name=n1", *steps)
    assert isinstance(settings, SpeakerSettings)
    returning = ReturnPolicy(30, (Depreference(Means.PREPEND, 2), Depreference(Means.MED, 5)), 15)
    assert settings.drain_policy.returning == returning
    assert SpeakerSettings(node_name="n1").drain_policy.returning == NO_RETURN


def test_first_addresses_are_a_list() -> None:
    arguments = [
        "--addresses=198.51.100.0/24, 2001:db8::/64",
        "--peer-address=203.0.113.1",
        "--my-asn=1",
        "--peer-asn=2",
    ]
    settings = read(FirstSettings, *arguments)
    assert isinstance(settings, FirstSettings)
    assert settings.address_list == ("198.51.100.0/24", "2001:db8::/64")
    assert (settings.my_asn, settings.peer_asn) == (1, 2)


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (SpeakerSettings, ["--node-name="], "node_name"),
        (SpeakerSettings, ["--node-name=n1", "--directory=relative"], "absolute path"),
        (SpeakerSettings, ["--node-name=n1", "--drain-return-steps=prepend=17"], "is no step"),
        (SpeakerSettings, ["--node-name=n1", "--drain-return-step-seconds=0"], "greater than or equal to 1"),
        (BGPSettings, ["--directory=/run/a b"], "without spaces"),
        (ControllerSettings, ["--listen=7480"], "host:port"),
        (ControllerSettings, ["--log-level=loud"], "'debug', 'info'"),
    ],
    ids=["no node", "relative directory", "no step", "too short", "a space", "no host and port", "unknown level"],
)
def test_wrong_values_are_refused(kind: type[Settings], arguments: list[str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        read(kind, *arguments)
