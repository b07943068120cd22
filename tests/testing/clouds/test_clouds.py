"""The clouds of the guests' tests are as strict as real ones, and answer over real sockets."""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from heliostat.core.process import CommandFailed, run_async
from heliostat.os.image.distro import locate_distro
from heliostat.testing.clouds.azure import LABEL, azure, provisioning
from heliostat.testing.clouds.contract import Asked, Cloud, Order
from heliostat.testing.clouds.disks import nocloud, ovf_environment, udf_volume, volume
from heliostat.testing.clouds.ec2 import cloudstack, ec2, ec2_without_tokens
from heliostat.testing.clouds.gce import gce, number_of
from heliostat.testing.clouds.openstack import config_drive, openstack
from heliostat.testing.clouds.service import dns_answer, serving

MAC = "52:54:00:12:34:56"
ORDER = Order("i-0123", "mirror-9", "ssh-ed25519 AAAA someone", "#cloud-config\n{}\n")


def get(cloud: Cloud, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    """Status and body that the first endpoint answers."""
    path, _, query = path.partition("?")
    pairs = dict(each.split("=") for each in query.split("&") if each)
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = cloud.endpoints[0].answer(Asked(method, path, pairs, told, ""))
    return answer.status, answer.body


def test_ec2_wants_a_token_of_a_sane_lifetime() -> None:
    cloud = ec2(ORDER)
    assert get(cloud, "/latest/meta-data/instance-id")[0] == 401
    assert get(cloud, "/latest/api/token", "PUT")[0] == 400
    ttl = {"x_aws_ec2_metadata_token_ttl_seconds": "21601"}
    assert get(cloud, "/latest/api/token", "PUT", **ttl)[0] == 400
    ttl = {"x_aws_ec2_metadata_token_ttl_seconds": "60"}
    status, token = get(cloud, "/latest/api/token", "PUT", **ttl)
    assert status == 200
    given = {"x_aws_ec2_metadata_token": token}
    assert get(cloud, "/latest/meta-data/instance-id", **given) == (200, "i-0123")


@pytest.mark.parametrize("make", [ec2_without_tokens, cloudstack])
def test_the_tree_is_listed_as_ec2_lists_it(make: Callable[[Order], Cloud]) -> None:
    cloud = make(ORDER)
    listed = get(cloud, "/latest/meta-data/")[1].splitlines()
    assert "public-keys/" in listed
    assert "instance-id" in listed
    assert get(cloud, "/latest/meta-data/public-keys/")[1] == "0=ordered"
    assert get(cloud, "/latest/meta-data/public-keys/0/openssh-key")[1] == ORDER.public_key
    assert get(cloud, "/latest/user-data")[1] == ORDER.user_data
    assert get(cloud, "/latest/meta-data/nothing")[0] == 404
    assert get(cloud, "/2011-01-01/meta-data/")[0] == 404


def test_cloudstack_tells_a_password_until_it_is_saved() -> None:
    server = cloudstack(ORDER, "secret").endpoints[1]

    def ask(what: str) -> str:
        return server.answer(Asked("GET", "/", {}, {"domu_request": what}, "")).body

    assert [ask("send_my_password"), ask("send_my_password")] == ["secret", "secret"]
    assert ask("saved_password") == ask("send_my_password") == "saved_password"
    assert ask("") == "bad_request"


def test_gce_refuses_whoever_does_not_say_its_flavor() -> None:
    cloud = gce(ORDER, MAC)
    assert get(cloud, "/computeMetadata/v1/instance/id")[0] == 403
    asked = {"metadata_flavor": "Google"}
    told = get(cloud, "/computeMetadata/v1/instance/id", **asked)
    assert told == (200, str(number_of("i-0123")))
    folder = "/computeMetadata/v1/instance/attributes/?recursive=True"
    assert json.loads(get(cloud, folder, **asked)[1])["user-data"] == ORDER.user_data


def test_gce_keeps_waiting_who_knows_the_present_state() -> None:
    cloud = gce(ORDER, MAC, {"startup-script": "true"})
    query = {"recursive": "true", "wait_for_change": "true", "timeout_sec": "60"}
    headers = {"metadata-flavor": "Google"}

    def ask(last: str) -> tuple[float, str]:
        told = query | {"last_etag": last}
        asked = Asked("GET", "/computeMetadata/v1//", told, headers, "")
        answer = cloud.endpoints[0].answer(asked)
        assert json.loads(answer.body)["instance"]["attributes"]["startup-script"] == "true"
        return answer.after_s, answer.headers["ETag"]

    at_once, state = ask("NONE")
    assert at_once == 0
    assert ask(state)[0] == 60


def test_azure_wants_its_header_and_a_version() -> None:
    cloud = azure(ORDER, MAC)
    assert get(cloud, "/metadata/instance?api-version=2021-08-01")[0] == 400
    assert get(cloud, "/metadata/instance", metadata="true")[0] == 404
    status, body = get(cloud, "/metadata/instance?api-version=2021-08-01", metadata="true")
    assert status == 200
    assert json.loads(body)["network"]["interface"][0]["macAddress"] == "525400123456"


def test_openstack_serves_what_its_config_drive_holds() -> None:
    cloud = openstack(ORDER, MAC)
    for name, text in config_drive(ORDER, MAC).items():
        assert get(cloud, f"/{name}") == (200, text)


async def test_seeds_are_read_by_a_program_that_did_not_write_them(tmp_path: Path) -> None:
    seed = nocloud(tmp_path / "seed", ORDER, network="version: 2\n")
    listed = (await run_async(["isoinfo", "-R", "-f", "-i", str(seed)], timeout_s=10)).stdout
    assert set(listed.split()) == {"/meta-data", "/user-data", "/network-config"}
    drive = volume(tmp_path / "drive", "config-2", config_drive(ORDER, MAC))
    argv = ["isoinfo", "-R", "-i", str(drive), "-x", "/openstack/latest/user_data"]
    assert (await run_async(argv, timeout_s=10)).stdout == ORDER.user_data
    assert "config-2" in (await run_async(["isoinfo", "-d", "-i", str(drive)], timeout_s=10)).stdout


async def test_the_cd_of_azure_is_taken_for_udf(tmp_path: Path) -> None:
    """What chooses the kernel's file system in guests is libblkid, as here."""
    cd = udf_volume(tmp_path / "cd", LABEL, {"ovf-env.xml": provisioning(ORDER)})
    told = await run_async(["blkid", "-p", "-o", "export", str(cd)], timeout_s=10)
    assert {"TYPE=udf", f"LABEL={LABEL}"} <= set(told.stdout.split("\n"))


def test_the_ovf_environment_escapes_what_it_holds() -> None:
    text = ovf_environment(Order("i", 'a"<b>', "key", "data"))
    assert "oe:value='a\"&lt;b&gt;'" in text


def test_dns_knows_the_clouds_names_only() -> None:
    def question(name: str, kind: int) -> bytes:
        labels = b"".join(bytes([len(each)]) + each.encode() for each in name.split("."))
        return (
            struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + labels + struct.pack(">BHH", 0, kind, 1)
        )

    names = {"metadata.google.internal": "169.254.169.254"}
    found = dns_answer(question("Metadata.google.internal", 1), names)
    assert found[:2] == b"\0\x07"
    assert found.endswith(socket.inet_aton("169.254.169.254"))
    assert dns_answer(question("metadata.google.internal", 28), names)[3] & 15 == 0
    assert dns_answer(question("elsewhere.invalid", 1), names)[3] & 15 == 3


@pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
async def test_a_cloud_answers_at_its_address_and_keeps_what_it_was_asked() -> None:
    async with serving(gce(ORDER, MAC)) as site:
        curl = [*site.net.launcher(), "curl", "-sSf", "--max-time", "5"]
        url = "http://metadata.google.internal/computeMetadata/v1/instance/id"
        said = await run_async([*curl, "-H", "Metadata-Flavor: Google", url], timeout_s=10)
        assert said.stdout == str(number_of("i-0123"))
        with pytest.raises(CommandFailed):
            await run_async([*curl, url], timeout_s=10)
        assert [each.path for each in site.asked] == ["/computeMetadata/v1/instance/id"] * 2


@pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
async def test_what_stands_in_for_wget_fetches_the_password_of_cloudstack() -> None:
    """By the options that cloud-init gives it; others are refused, not passed over."""
    program = locate_distro() / "packages/heliostat-cloud/files/usr/lib/heliostat/cloud/wget"
    async with serving(cloudstack(ORDER, "secret")) as site:
        argv = [*site.net.launcher(), str(program)]
        given = ["--quiet", "--tries", "3", "--timeout", "20", "--output-document", "-"]
        header = ["--header", "DomU_Request: send_my_password"]
        said = await run_async([*argv, *given, *header, "127.0.0.1:8080"], timeout_s=10)
        assert said.stdout == "secret"
        with pytest.raises(CommandFailed, match="--spider is not known"):
            await run_async([*argv, "--spider", "127.0.0.1:8080"], timeout_s=10)
