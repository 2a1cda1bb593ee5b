"""What each program can be told: flags, each also as an environment variable EXALB_…; flags win."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, CliSettingsSource, SettingsConfigDict

from exalb.logs import Format, Level


def _is_listen(text: str) -> str:
    if not re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[0-9A-Za-z_.-]*):[0-9]{1,5}", text):
        raise ValueError(f"{text!r} is not host:port: write :9179, 127.0.0.1:9179 or [::1]:9179")
    return text


def _is_directory(text: str) -> str:
    if not re.fullmatch(r"/[^\s'\"{};\[\],#]*", text):
        raise ValueError(f"{text!r} must be an absolute path without spaces, quotes or any of {{}};[],#")
    return text


def _is_data_plane(text: str) -> str:
    if text != "off" and not re.fullmatch(r"https?://[^\s/]+(/\S*)?", text):
        raise ValueError(f"{text!r} is neither off nor a URL such as http://localhost:10256/healthz")
    return text


Directory = Annotated[str, AfterValidator(_is_directory)]
DIRECTORY_MEANING = (
    "where speaker and BGP engine meet: a directory of their own, the same for both; its files have mode 0600"
)


class Settings(BaseSettings):
    """What all programs share."""

    model_config = SettingsConfigDict(env_prefix="EXALB_", extra="forbid", frozen=True)

    log_level: Annotated[Level, Field(description="what is worth a line")] = "info"
    log_format: Annotated[Format, Field(description="for machines or for people")] = "json"


class ClusterSettings(Settings):
    """What programs share that talk to an API server."""

    kubeconfig: Annotated[str | None, Field(description="file; else the pod's service account, or ~/.kube")] = None
    namespace: Annotated[str, Field(min_length=1, description="ExaLB's own: its Lease, and the Secrets of peers")] = (
        "exalb-system"
    )
    require_class: Annotated[
        bool, Field(description="leave Services alone whose loadBalancerClass is not exalb.io/bgp, the empty one too")
    ] = False
    listen: Annotated[
        str, AfterValidator(_is_listen), Field(description="host:port of /healthz, /readyz and /metrics")
    ] = ":9179"


class ControllerSettings(ClusterSettings):
    """Give addresses to Services. Run two: one leads, the other takes over."""


class SpeakerSettings(ClusterSettings):
    """Announce this node's routes by BGP. Run one on every node, beside `exalb bgp`."""

    node_name: Annotated[str, Field(min_length=1, description="the Node that this speaker speaks for")]
    directory: Annotated[Directory, Field(description=DIRECTORY_MEANING)] = "/run/exalb"
    data_plane: Annotated[
        str,
        AfterValidator(_is_data_plane),
        Field(description="kube-proxy's health endpoint: no route is told while it is not healthy; or off"),
    ] = "http://localhost:10256/healthz"


class EngineSettings(Settings):
    """Run one ExaBGP, and start it again when it dies. Run it beside `exalb speaker`."""

    directory: Annotated[Directory, Field(description=DIRECTORY_MEANING)] = "/run/exalb"


def read(kind: type[Settings], program: str, arguments: list[str]) -> Settings:
    """Read the settings of one program; raises pydantic's ValidationError, and SystemExit for --help."""
    source: CliSettingsSource[Settings] = CliSettingsSource(
        kind,
        cli_prog_name=program,
        cli_parse_args=arguments,
        cli_kebab_case="all",
        cli_implicit_flags=True,
        cli_hide_none_type=True,
        cli_avoid_json=True,
    )
    return kind(_cli_settings_source=source)
