"""The rights of ExaLB's programs: those that the API server grants, and those that its audit log shows in use."""

import json

from tests.lab.cluster import Lab
from tests.lab.exalb import NAMESPACE

Right = tuple[str, str, str, str]
"""API group, resource, name (* is any), verb."""


def account(program: str) -> str:
    """Return the user that a program is for the API server."""
    return f"system:serviceaccount:{NAMESPACE}:exalb-{program}"


def rights(lab: Lab, program: str, namespace: str) -> set[Right]:
    """Ask the API server what a program's account may do, beyond what any account may."""
    return granted(lab, account(program), namespace) - granted(
        lab, f"system:serviceaccount:{NAMESPACE}:nobody", namespace
    )


def granted(lab: Lab, user: str, namespace: str) -> set[Right]:
    """Ask the API server what a user may do in a namespace."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    command = ["create", f"--as={user}", "--validate=false", "--output=json", "--filename=-"]
    answer = json.loads(lab.kubectl(*command, given=json.dumps(review)))
    assert not answer["status"]["incomplete"]
    return {
        (api_group, resource, name, verb)
        for rule in answer["status"]["resourceRules"]
        for api_group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", ["*"])
        for verb in rule["verbs"]
    }


def unused(lab: Lab, program: str, given: set[Right]) -> set[Right]:
    """Return those of the rights that the program did not use since the lab is up."""
    done: set[Right] = set()
    for request in lab.control_plane.audit.requests():
        if request.user == account(program) and request.status < 300:
            done |= {(request.group, request.resource, name, request.verb) for name in ("*", request.name)}
    return given - done


def refused(lab: Lab) -> list[str]:
    """Return what ExaLB's programs asked for without having the right.

    Left out is what they asked for while a namespace ended, and while Helm uninstalled: it removes the rights, and the
    pods end after that.
    """
    found = []
    for program in ("controller", "speaker"):
        given = rights(lab, program, NAMESPACE)
        for request in lab.control_plane.audit.requests():
            if request.user != account(program) or request.status != 403 or "being terminated" in request.error:
                continue
            asked = {(request.group, request.resource, name, request.verb) for name in ("*", request.name)}
            if " cannot " not in request.error or not asked & given:
                found.append(f"{request.user} {request.verb} {request.group} {request.resource}: {request.error}")
    return found
