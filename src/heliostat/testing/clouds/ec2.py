"""EC2: a tree of folders at a link-local address, with session tokens (version 2) or without.

Version 2 wants a token, made by PUT with a lifetime and sent with each request; without one it
answers 401.  CloudStack answers the same tree from its virtual router, without tokens, and
hands out a password once, at a port of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from heliostat.testing.clouds.contract import (
    HOST,
    METADATA,
    NOT_FOUND,
    Answer,
    Answering,
    Asked,
    Cloud,
    Endpoint,
    Order,
    listing,
)

_VERSIONS = ("2009-04-04", "2016-09-02", "2018-09-24", "2021-03-23", "latest")
_SESSION = "AQAEAH-of-this-session"
_TTL_HEADER = "x-aws-ec2-metadata-token-ttl-seconds"
_SESSION_HEADER = "x-aws-ec2-metadata-token"
_LONGEST_TTL_S = 21600
_DOMAIN = "cs8cloud.internal"


def ec2(order: Order) -> Cloud:
    """Amazon's: known by a system UUID that begins with ec2; tokens are required."""
    uuid = "ec2e1916-9099-7caf-fd21-012345abcdef"
    smbios = [f"type=1,manufacturer=Amazon EC2,product=t3.micro,uuid={uuid},serial={uuid}"]
    return Cloud("Ec2", smbios, [Endpoint(METADATA, 80, _with_tokens(tree_of(order)))])


def ec2_without_tokens(order: Order) -> Cloud:
    """A cloud with EC2's interface of version 1, as private ones have it."""
    smbios = ["type=1,product=KVM", "type=3,asset=box.zstack.io"]
    return Cloud("Ec2", smbios, [Endpoint(METADATA, 80, _plain(tree_of(order)))])


def cloudstack(order: Order, password: str = "") -> Cloud:
    """CloudStack: the DHCP server is the virtual router, which answers."""
    smbios = ["type=1,manufacturer=Apache Software Foundation,product=CloudStack KVM Hypervisor"]
    endpoints = [
        Endpoint(HOST, 80, _plain(tree_of(order))),
        Endpoint(HOST, 8080, _password_server(password)),
    ]
    return Cloud("CloudStack", smbios, endpoints, domain=_DOMAIN)


def _password_server(password: str) -> Answering:
    """Tells the password until the machine says that it has been saved."""
    waiting = [password] if password else []

    def answer(asked: Asked) -> Answer:
        match asked.headers.get("domu_request"):
            case "send_my_password":
                return Answer(waiting[0] if waiting else "saved_password")
            case "saved_password":
                waiting.clear()
                return Answer("saved_password")
        return Answer("bad_request")

    return answer


def tree_of(order: Order) -> dict[str, object]:
    """What lies below a version's name."""
    keys = {"": "0=ordered", "0": {"openssh-key": order.public_key}}
    place = {"availability-zone": "nowhere-1a", "region": "nowhere-1"}
    metadata: dict[str, object] = {
        "ami-id": "ami-1",
        "availability-zone": "nowhere-1a",  # CloudStack has it here
        "hostname": order.hostname,
        "instance-id": order.instance_id,
        "local-hostname": order.hostname,
        "local-ipv4": "10.0.2.15",
        "placement": place,
        "public-keys": keys,
    }
    return {"meta-data": metadata, "user-data": order.user_data, "dynamic": {}}


def _plain(tree: Mapping[str, object]) -> Answering:
    def answer(asked: Asked) -> Answer:
        version, _, path = asked.path.strip("/").partition("/")
        if asked.method != "GET":
            return Answer("method not allowed", 405)
        return listing(tree, path) if version in _VERSIONS else NOT_FOUND

    return answer


def _with_tokens(tree: Mapping[str, object]) -> Answering:
    plain = _plain(tree)

    def answer(asked: Asked) -> Answer:
        if asked.method == "PUT" and asked.path == "/latest/api/token":
            lifetime = asked.headers.get(_TTL_HEADER, "")
            good = lifetime.isdigit() and 1 <= int(lifetime) <= _LONGEST_TTL_S
            return Answer(_SESSION, headers={_TTL_HEADER: lifetime}) if good else Answer("", 400)
        if asked.headers.get(_SESSION_HEADER) != _SESSION:
            return Answer("unauthorized", 401)
        return plain(asked)

    return answer
