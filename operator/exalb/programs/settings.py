"""The settings of each program: flags, each also an environment variable EXALB_…; a flag takes precedence."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, TypeVar, get_args

import click
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from exalb.announcement.drain import DrainPolicy, TaintSelector
from exalb.announcement.returning import Depreference, ReturnPolicy
from exalb.model.scope import CLASS, Scope
from exalb.runtime.logs import Format, Level


def is_listen(text: str) -> str:
    """Return the text if it is host:port; raises ValueError."""
    if not re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[0-9A-Za-z_.-]*):[0-9]{1,5}", text):
        raise ValueError(f"{text!r} is not host:port: write :7480, 127.0.0.1:7480 or [::1]:7480")
    return text


def _is_directory(text: str) -> str:
    if not re.fullmatch(r"/[^\s'\"{};\[\],#]*", text):
        raise ValueError(f"{text!r} must be an absolute path without spaces, quotes or any of {{}};[],#")
    return text


def _is_data_plane(text: str) -> str:
    if text != "off" and not re.fullmatch(r"https?://[^\s/]+(/\S*)?", text):
        raise ValueError(f"{text!r} is neither off nor a URL such as http://localhost:10256/healthz")
    return text


def _are_taints(text: str) -> str:
    for taint in _listed(text):
        TaintSelector.parse(taint)
    return text


def _are_return_steps(text: str) -> str:
    for step in _listed(text):
        Depreference.parse(step)
    return text


def _listed(text: str) -> list[str]:
    return [part for part in text.split(",") if part.strip()]


Directory = Annotated[str, AfterValidator(_is_directory)]
DIRECTORY_MEANING = "directory that speaker and BGP engine share, and nothing else uses; its files have mode 0600"


BFD_DIRECTORY_MEANING = "directory that speaker and BFD process share, and nothing else uses; its files have mode 0600"


L2_DIRECTORY_MEANING = "directory that speaker and L2 process share, and nothing else uses"


class Settings(BaseModel):
    """The settings of all programs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    log_level: Annotated[Level, Field(description="the lowest level that is logged")] = "info"
    log_format: Annotated[Format, Field(description="JSON lines for programs, or console lines for people")] = "json"


class ApiSettings(Settings):
    """The settings of programs that use an API server."""

    kubeconfig: Annotated[
        str | None, Field(description="kubeconfig file; without it the pod's service account, or ~/.kube/config")
    ] = None


class ClusterSettings(ApiSettings):
    """The settings of programs that serve Services."""

    namespace: Annotated[str, Field(min_length=1)] = "exalb-system"
    require_class: Annotated[
        bool, Field(description="serve only Services with the loadBalancerClass of ExaLB, and none without a class")
    ] = False
    load_balancer_class: Annotated[
        str, Field(min_length=1, description="the loadBalancerClass of Services that ExaLB serves")
    ] = CLASS
    ignore_exclude_label: Annotated[
        bool,
        Field(description="announce also from a node labelled node.kubernetes.io/exclude-from-external-load-balancers"),
    ] = False
    listen: Annotated[
        str, AfterValidator(is_listen), Field(description="host:port of /healthz, /readyz and /metrics")
    ] = ":7480"

    @property
    def scope(self) -> Scope:
        """The Services and Nodes that the program serves."""
        return Scope(self.load_balancer_class, self.require_class, self.ignore_exclude_label, self.namespace)


class ControllerSettings(ClusterSettings):
    """Assign addresses to Services. Run two: one leads, the other takes over."""

    namespace: Annotated[str, Field(min_length=1, description="ExaLB's own namespace, with the Lease")] = "exalb-system"
    page_port: Annotated[
        int,
        Field(ge=0, le=65535, description="port of 127.0.0.1 for the web page, by kubectl port-forward; 0: no page"),
    ] = 0


class SpeakerSettings(ClusterSettings):
    """Announce this node's routes by BGP. Run one on every node, with `exalb bgp`."""

    namespace: Annotated[str, Field(min_length=1, description="the namespace with the Secrets of peers")] = (
        "exalb-system"
    )

    node_name: Annotated[str, Field(min_length=1, description="the Node on which this speaker runs")]
    directory: Annotated[Directory, Field(description=DIRECTORY_MEANING)] = "/run/exalb"
    bfd_directory: Annotated[Directory, Field(description=BFD_DIRECTORY_MEANING)] = "/run/exalb-bfd"
    l2_directory: Annotated[
        Directory | Literal[""], Field(description=f"{L2_DIRECTORY_MEANING}; empty where L2 is off")
    ] = ""
    data_plane: Annotated[
        str,
        AfterValidator(_is_data_plane),
        Field(description="kube-proxy's health endpoint, or off: while it is not healthy, no route is announced"),
    ] = "http://localhost:10256/healthz"
    drain_on_cordon: Annotated[bool, Field(description="drain the routes of nodes that are cordoned")] = False
    drain_taints: Annotated[
        str,
        AfterValidator(_are_taints),
        Field(
            description="drain the routes of nodes with one of these taints: key, key=value or key:effect, by commas"
        ),
    ] = ""
    drain_deprefer_seconds: Annotated[
        float, Field(ge=0, le=3600, description="how long a drained node announces with GRACEFUL_SHUTDOWN at first")
    ] = 1.0
    drain_return_seconds: Annotated[
        float, Field(ge=0, le=3600, description="how long a node does so after its drain was undone")
    ] = 0.0
    drain_return_steps: Annotated[
        str,
        AfterValidator(_are_return_steps),
        Field(description="how it announces after that, step by step: prepend=N or med=N, by commas"),
    ] = ""
    drain_return_step_seconds: Annotated[float, Field(ge=1, le=3600, description="how long each of these lasts")] = 10.0

    @property
    def drain_policy(self) -> DrainPolicy:
        """The settings of drains."""
        return DrainPolicy(
            on_cordon=self.drain_on_cordon,
            taints=tuple(TaintSelector.parse(text) for text in _listed(self.drain_taints)),
            deprefer_seconds=self.drain_deprefer_seconds,
            returning=ReturnPolicy(
                self.drain_return_seconds,
                tuple(Depreference.parse(text) for text in _listed(self.drain_return_steps)),
                self.drain_return_step_seconds,
            ),
        )


class FirstSettings(ApiSettings):
    """Create the first IPAddressPool and BGPPeer, once and only where there are none. The Job of the chart runs it."""

    namespace: Annotated[
        str, Field(min_length=1, description="ExaLB's own namespace, for the ConfigMap that records that it was done")
    ] = "exalb-system"
    addresses: Annotated[str, Field(min_length=1, description="addresses of the pool, separated by commas")]
    peer_address: Annotated[str, Field(min_length=1, description="address of the router")]
    my_asn: Annotated[int, Field(description="AS number of the nodes")]
    peer_asn: Annotated[int, Field(description="AS number of the router")]
    timeout: Annotated[float, Field(gt=0, description="seconds to wait for an API server that is not ready")] = 120

    @property
    def address_list(self) -> tuple[str, ...]:
        """The addresses, one by one."""
        return tuple(part.strip() for part in self.addresses.split(","))


class VerifySettings(ApiSettings):
    """Check that a Service gets an address and that a node announces it: `helm test` runs it."""

    namespace: Annotated[str, Field(min_length=1, description="the namespace of the Service")] = "exalb-system"
    service: Annotated[str, Field(min_length=1, description="the Service, whose only endpoint is this pod")]
    ready_file: Annotated[str, Field(min_length=1, description="file that is created when the pod may become ready")]
    timeout: Annotated[float, Field(gt=0, description="seconds until it fails")] = 90


class BGPSettings(Settings):
    """Run one ExaBGP, and restart it when it exits. Run it with `exalb speaker`."""

    directory: Annotated[Directory, Field(description=DIRECTORY_MEANING)] = "/run/exalb"


class BFDSettings(Settings):
    """Run the node's BFD sessions. Run it with `exalb speaker`, where a BGPPeer has bfd."""

    directory: Annotated[Directory, Field(description=BFD_DIRECTORY_MEANING)] = "/run/exalb-bfd"


class L2Settings(Settings):
    """Announce addresses on the LANs of the node, by ARP and NDP. Run it with `exalb speaker`, for L2Advertisements."""

    directory: Annotated[Directory, Field(description=L2_DIRECTORY_MEANING)] = "/run/exalb-l2"


Setting = TypeVar("Setting", bound=Settings)


def options(kind: type[Settings]) -> Iterator[click.Option]:
    """Yield the flags of a program, each of which is also an environment variable; the model checks the values."""
    for name, field in kind.model_fields.items():
        flag, choices = name.replace("_", "-"), get_args(field.annotation)
        is_switch = field.annotation is bool
        texts = [choice for choice in choices if isinstance(choice, str)]
        yield click.Option(
            [f"--{flag}/--no-{flag}" if is_switch else f"--{flag}", name],
            type=bool if is_switch else str,
            metavar=f"[{'|'.join(texts)}]" if texts else None,
            default=None if field.is_required() else field.default,
            envvar=f"EXALB_{name.upper()}",
            show_envvar=True,
            show_default=True,
            help=f"{field.description}{'  (required)' if field.is_required() else ''}",
        )


def from_options(kind: type[Setting], values: Mapping[str, object]) -> Setting:
    """Return the settings from the flags and variables that were given; raises pydantic's ValidationError."""
    return kind.model_validate({name: value for name, value in values.items() if value is not None})


def sentences(error: ValidationError) -> Iterator[str]:
    """Yield one sentence for each mistake, with the flag and the variable that it is about."""
    for detail in error.errors(include_url=False, include_input=False):
        name = str(detail["loc"][0]) if detail["loc"] else ""
        message = detail["msg"].removeprefix("Value error, ")
        yield f"--{name.replace('_', '-')} (or EXALB_{name.upper()}): {message}"
