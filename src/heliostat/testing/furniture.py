"""What a furnished site holds: one of everything, in the states that verbs need.

Tenants, projects, flavors, users and groups are made by their own verbs; what
only a worker could make (VMs, disks, images, hosts) is written as it would be.
"""

from __future__ import annotations

import hashlib
import uuid

from msgspec.structs import replace

from heliostat.agentlink.messages import HostDatastore
from heliostat.controller.model.datastore import described
from heliostat.controller.model.disk import Disk, DiskState
from heliostat.controller.model.host import Host, HostInventory, HostState, UsageTag
from heliostat.controller.model.image import (
    PROJECT,
    Image,
    ImageScope,
    ImageState,
    Replication,
)
from heliostat.controller.model.policy import Binding, policy_of
from heliostat.controller.model.quantity import CostItem, total
from heliostat.controller.model.quota import OwnerKind, QuotaLimit
from heliostat.controller.model.reservation import DiskShare, Reservation, VmShare
from heliostat.controller.model.subnet import DEFAULT_ID
from heliostat.controller.model.vm import Vm, VmDisk, VmIso, VmState, mac_of
from heliostat.controller.model.zone import Zone
from heliostat.controller.workflows import kinds, reading
from heliostat.controller.workflows.admission import Caller, Ports
from heliostat.controller.workflows.commit import perform
from heliostat.controller.workflows.flavor import flavor_create
from heliostat.controller.workflows.project import project_create
from heliostat.controller.workflows.quota_lease import lease_grant
from heliostat.controller.workflows.subnet import ensure_subnet
from heliostat.controller.workflows.tenant import tenant_create
from heliostat.core.roles import Role
from heliostat.core.units import GIB, Unit
from heliostat.identity.authority.policy import Asker
from heliostat.identity.authority.rules import CertificatePolicy, Rule
from heliostat.identity.directories import Directories
from heliostat.identity.directory.embedded import Directory
from heliostat.identity.factors.records import Factor, FactorKind
from heliostat.identity.kinds import kinds_of
from heliostat.identity.machines.records import MachineJoin
from heliostat.identity.tokens.records import Consent, Session, TokenKinds
from heliostat.tasks.admit import changes_for
from heliostat.tasks.model import Problem, Stall, Step, Task, TaskState
from heliostat.testing.certificates import request
from heliostat.testing.hands import Hands
from heliostat.testing.signed_in import DOMAIN, group
from heliostat.wire.oidc_clients import OidcClientSettings
from heliostat.wire.service_providers import ServiceProviderCreateSpec

LEASE_TTL_S = 3600.0
JOIN_SECRET = "the secret of a join token"  # noqa: S105 - of a site that lives for one test
MACHINE_SHA256 = "5f4ee787386b3fa49c289bf6ff38ebbe2bba17e10230c6ad4aace0a83c2b2387"
"""Of the certificate in the example of ``refreshMachine``."""
DIGEST = "ab" * 32
PUBLIC_KEY = """\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEbqAn1RL/ycZ1IRMQNks0+glO4/Xf
Zz+5sRzH3J96RLQhwqLUilg7+fvHM4p+9o6d8O8mCs+v60O+vzeg6beV7Q==
-----END PUBLIC KEY-----
"""

CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBbDCCARGgAwIBAgIUGVpcS61b3CmiDBvA7DggF1HIdCUwCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOZnJvbSBlbHNld2hlcmUwIBcNMjMxMTEzMjIxMzIwWhgPMjEy
MjA2MDgyMjEzMjBaMBkxFzAVBgNVBAMMDmZyb20gZWxzZXdoZXJlMFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAEjlM7b6C/e0YluzBmfAH7YH75+LioD+9bMAYocDGH
sqNz6x294DMYNm0Gn4Om9ZAAU8c2M8sEGyHFXhqGwfQAtKM1MDMwDAYDVR0TAQH/
BAIwADAOBgNVHQ8BAf8EBAMCB4AwEwYDVR0lBAwwCgYIKwYBBQUHAwIwCgYIKoZI
zj0EAwIDSQAwRgIhAOr7RgIt1nekP2yY0pwrRJsoT0Cooe6avJrx/iPD7FVGAiEA
m2NPKYmD92YqJsc9qwgWKGC8/GHiqvTx6DA4sTqos4g=
-----END CERTIFICATE-----
"""
"""Of a program elsewhere: CN=from elsewhere."""

_CALLER = Caller("admin@heliostat.local", frozenset(), is_system_admin=True, request_id="seed")
_VM_COST = (
    CostItem(key="vm", value=1.0, unit=Unit.COUNT),
    CostItem(key="vm.cpu", value=1.0, unit=Unit.COUNT),
    CostItem(key="vm.memory", value=1.0, unit=Unit.GB),
)
_BOOT_COST = (CostItem(key="ephemeral-disk", value=1.0, unit=Unit.COUNT),)
_DATA_COST = (CostItem(key="persistent-disk", value=1.0, unit=Unit.COUNT),)


DIRECTORY_TENANT = "acme.example"
SOURCE = "corp.example"
SOURCE_FIELDS = {
    "kind": "active-directory",
    "urls": ["ldaps://127.0.0.1:9"],  # nobody listens there
    "aliases": ["CORP"],
    "people_base": "dc=corp,dc=example",
}
"""An identity source of that tenant."""
PROVIDER_FIELDS = {
    "title": "Partner",
    "issuer": "https://127.0.0.1:9",  # nobody listens there
    "client_id": "heliostat",
    "groups": [{"value": "cloud-*", "group": "operators"}],
}
"""Another provider of that tenant."""
SERVICE_PROVIDER = ServiceProviderCreateSpec(
    name="crm",
    entity_id="https://crm.example/saml",
    acs_urls=["https://crm.example/saml/acs"],
    title="Customers",
    attributes=["mail"],
)


async def furnish(ports: Ports, directories: Directories) -> dict[str, str]:
    """Fill the site; the ids by name."""
    rooms = _Furnisher(ports)
    await rooms.containers()
    await rooms.flavors()
    await rooms.zones()
    await rooms.hosts()
    await rooms.images()
    await rooms.disks()
    await rooms.machines()
    await rooms.tasks()
    await rooms.leases()
    await rooms.policies()
    await ensure_subnet(ports)
    rooms.ids["subnet"] = DEFAULT_ID
    await rooms.deleted_disk()
    await _people(directories.system)
    await directories.tenants.create_tenant(DIRECTORY_TENANT)
    # of a machine that is not there: nothing listens at this port
    nodes = directories.openldap.nodes
    await nodes.add_node("east", host="127.0.0.1", port=1, site="east", local=False)
    await _people(await directories.of(DIRECTORY_TENANT))
    await directories.kerberos.enable_realm(DIRECTORY_TENANT)
    await directories.kerberos.create_service(DIRECTORY_TENANT, "HTTP/shop.acme.example")
    await _machines(ports, directories, rooms.ids)
    await (await directories.saml(DIRECTORY_TENANT)).providers.create(SERVICE_PROVIDER)
    await (await directories.sources(DIRECTORY_TENANT)).create_source(SOURCE, SOURCE_FIELDS)
    providers = await directories.providers(DIRECTORY_TENANT)
    await providers.create_provider("partner", "oidc", PROVIDER_FIELDS)
    rooms.ids["factor"] = await _phone(ports, directories)
    rooms.ids |= {"user": "ada", "group": "operators"}
    rooms.ids |= await _certificates(directories)
    return rooms.ids


async def _certificates(directories: Directories) -> dict[str, str]:
    """One of the tenant's, one of the site's that a stranger has, their requests, and the root."""
    authority = await directories.authority(DIRECTORY_TENANT)
    csr = request("shop.acme.example")
    asker = Asker("tenant-admin@heliostat.local", administers=True)
    issued = await authority.certificates.issue(csr, asker)
    assert issued.record is not None
    acme = await directories.acme_keys.create(DIRECTORY_TENANT, "proxy", (), "grace")
    own = await directories.authority(directories.authorities.system.options.domain)
    rule = Rule(title="own", everybody=True, names=("{user}.people.heliostat.local",))
    policy = await own.certificates.policy()
    await own.certificates.set_policy(CertificatePolicy(rules=(*policy.rules, rule)))
    personal = request("stranger.people.heliostat.local")
    whose = Asker("stranger@heliostat.local", "stranger")
    theirs = await own.certificates.issue(personal, whose)
    assert theirs.record is not None
    root = (await authority.roots.active()).record
    return {
        "certificate": issued.record.id,
        "account-csr": request(common="robot"),
        "csr": csr,
        "foreign-csr": request("www.elsewhere.example"),
        "acme-key": acme.id,
        "own-certificate": theirs.record.id,
        "own-csr": personal,
        "root-pem": root.certificate_pem,
    }


async def _machines(ports: Ports, directories: Directories, ids: dict[str, str]) -> None:
    """A computer with a certificate, and one that is about to join with a known secret."""
    directory = await directories.of(DIRECTORY_TENANT)
    await directory.create_computer("db-1", certificate_sha256=MACHINE_SHA256)
    web = await directory.create_computer("web-1")
    await directory.change_computer("web-1", project=ids["web"], vm=ids["vm-stopped"])
    await directory.create_unit("Engineering", description="Makes things")
    await directory.create_unit("Engineering/Lab")
    join = MachineJoin(
        id=hashlib.sha256(JOIN_SECRET.encode()).hexdigest(),
        computer="web-1",
        expires_ms=ports.clock.now_ms() + 3_600_000,
        since=web.created_ms,
    )
    await ports.store.commit([], kinds_of(directory.options.tenant).machine_joins.put(join))


async def _phone(ports: Ports, directories: Directories) -> str:
    """A second factor of ada's; its id."""
    phone = Factor(
        id=ports.ids.new_id(),
        user="ada",
        kind=FactorKind.CODES,
        name="Phone",
        created_ms=ports.clock.now_ms(),
    )
    await (await directories.realms.get(DIRECTORY_TENANT)).factors.add(phone)
    return phone.id


async def _people(directory: Directory) -> None:
    await directory.create_user("ada", "correct horse battery", given_name="Ada")
    await directory.create_group("operators", description="People on call")
    await directory.add_member("operators", "ada")
    await directory.create_user("grace", "a phrase to sign in")
    await directory.create_service_account("robot", PUBLIC_KEY)
    await directory.add_account_certificate("robot", CERTIFICATE)
    await directory.create_client("shop", ["https://shop.example/signed-in"], title="The shop")
    proof = OidcClientSettings(authentication="client_secret_basic")
    await _signed_in(directory)
    await directory.create_client("till", ["https://till.example/"], proof)


async def _signed_in(directory: Directory) -> None:
    """Two are signed in to the shop, and have let it in."""
    kinds, now_ms = TokenKinds.of(directory.options.tenant), directory.clock.now_ms()
    sessions = [
        Session(
            id=f"session-of-{user}",
            user=user,
            stamp="",
            client="shop",
            scope="openid",
            current="",
            begun_ms=now_ms,
            expires_ms=now_ms + 3_600_000,
        )
        for user in ("ada", "project-user")
    ]
    consents = [
        Consent(
            id=id_,
            user=user,
            client="shop",
            client_made_ms=now_ms,
            scopes=("openid", "email"),
            given_ms=now_ms,
        )
        for id_, user in (("adasconsent", "ada"), ("usersconsent", "project-user"))
    ]
    changes = [change for consent in consents for change in kinds.consents.put(consent)]
    for session in sessions:
        changes += kinds.sessions.put(session)
    await directory.store.commit([], changes)


class _Furnisher(Hands):
    """One room after the other; later ones build on earlier ones."""

    async def containers(self) -> None:
        ports = self.ports
        limits = {
            "vm.cpu": QuotaLimit(limit=100.0, unit=Unit.COUNT),
            "vm.memory": QuotaLimit(limit=200.0, unit=Unit.GB),
            "sdn.floatingip.size": QuotaLimit(limit=5.0, unit=Unit.COUNT),
        }
        small = {
            "vm.cpu": QuotaLimit(limit=20.0, unit=Unit.COUNT),
            "vm.memory": QuotaLimit(limit=40.0, unit=Unit.GB),
            "vm.flavor.huge": QuotaLimit(limit=2.0, unit=Unit.COUNT),
        }
        for tenant in ("acme", "umbrella"):
            groups = [group(f"{tenant}-admins")]
            await self.make(tenant, lambda: tenant_create(ports, _CALLER, tenant, groups, limits))  # noqa: B023
        await self.make("empty-tenant", lambda: tenant_create(ports, _CALLER, "empty"))
        acme = self.ids["acme"]
        users = [group("web-users")]
        await self.make("web", lambda: project_create(ports, _CALLER, acme, "web", users, small))
        await self.make("empty-project", lambda: project_create(ports, _CALLER, acme, "spare"))

    async def flavors(self) -> None:
        ports = self.ports
        for name, kind, label, cost in (
            ("small", "vm", "flavor", _VM_COST),
            ("boot", "ephemeral-disk", "boot-flavor", _BOOT_COST),
            ("data", "persistent-disk", "data-flavor", _DATA_COST),
        ):
            await self.make(label, lambda: flavor_create(ports, _CALLER, name, kind, cost))  # noqa: B023

    async def hosts(self) -> None:
        for number, (name, state) in enumerate(
            (
                ("host", HostState.READY),
                ("host-suspended", HostState.SUSPENDED),
                ("host-maintenance", HostState.MAINTENANCE),
                ("host-new", HostState.NOT_PROVISIONED),
            ),
            start=1,
        ):
            host = Host(
                id=self.new(name),
                address=f"10.1.0.{number}",
                state=state,
                usage_tags=(UsageTag.CLOUD,),
                created_ms=self.ports.clock.now_ms(),
            )
            await self.put(kinds.HOSTS, host)
            if state is not HostState.NOT_PROVISIONED:
                await self.agent(host.id, number)
                await self.put(kinds.RESERVATIONS, Reservation(host_id=host.id))

    async def agent(self, host_id: str, number: int) -> None:
        lease = await self.ports.store.acquire(f"agent/{host_id}", "seed", LEASE_TTL_S)
        assert lease is not None
        inventory = HostInventory(
            id=host_id,
            hostname=f"host-{number}",
            cpu_count=8,
            memory_mib=16384,
            disk_total_bytes=500 * GIB,
            disk_free_bytes=400 * GIB,
            datastore=f"local-{number}",
            accelerator="tcg",
            hypervisor="QEMU 7.2",
            agent_version="0.1.0",
            images=(DIGEST,),
            datastores=(await self.datastore(number),),
        )
        await self.put(kinds.INVENTORIES, inventory)

    async def datastore(self, number: int) -> HostDatastore:
        """The one of a host; that of the first is called ``datastore``."""
        held = HostDatastore(
            datastore_id=self.named("datastore" if number == 1 else f"datastore-{number}"),
            name=f"local-{number}",
            type="EXT3",
            tags=("ssd",),
            total_bytes=500 * GIB,
            free_bytes=400 * GIB,
            images=(DIGEST,),
        )
        await self.put(kinds.DATASTORES, described(held, created_ms=self.ports.clock.now_ms()))
        return held

    async def zones(self) -> None:
        for name in ("zone", "zone-empty"):
            await self.put(kinds.ZONES, Zone(id=self.named(name), name=name))

    def named(self, name: str) -> str:
        """An id made from the name, which leaves those of everything else as they are."""
        digest = hashlib.sha256(name.encode()).digest()
        self.ids[name] = str(uuid.UUID(bytes=digest[:16], version=4))
        return self.ids[name]

    async def images(self) -> None:
        for name, scope in (
            ("image", ImageScope()),
            ("project-image", ImageScope(kind=PROJECT, id=self.ids["web"])),
            ("unused-image", ImageScope()),
        ):
            image = Image(
                id=self.new(name),
                name=name,
                state=ImageState.READY,
                scope=scope,
                replication=Replication.EAGER,
                size_bytes=2 * GIB,
                upload_digest=DIGEST,
                digest=DIGEST,
                blob_size_bytes=1 << 20,
                file_format="qcow2",
            )
            await self.put(kinds.IMAGES, image)

    async def disks(self) -> None:
        for name in ("disk", "disk-attached", "disk-attached-suspended"):
            await self.disk(name)

    async def deleted_disk(self) -> None:
        """One that can be restored for an hour."""
        await self.disk("disk-deleted")
        stored = await reading.disk(self.ports.store, self.ids["disk-deleted"])
        until_ms = self.ports.clock.now_ms() + 3_600_000
        kept = replace(stored.value, state=DiskState.DELETED, deleted_until_ms=until_ms)
        await self.put(kinds.DISKS, kept, stored.value)

    async def disk(self, name: str) -> None:
        cost = total((*_DATA_COST, _capacity("persistent-disk.capacity", 5)))
        disk = Disk(
            id=self.new(name),
            project_id=self.ids["web"],
            tenant_id=self.ids["acme"],
            name=name,
            state=DiskState.DETACHED,
            flavor_id=self.ids["data-flavor"],
            flavor="data",
            capacity_gb=5,
            cost=cost,
            host_id=self.ids["host"],
            datastore="local-1",
        )
        await self.put(kinds.DISKS, disk)
        await self.charge(cost)
        await self.reserve(lambda held: held.with_disk(disk.id, DiskShare(size_bytes=5 * GIB)))

    async def machines(self) -> None:
        for name, state, attached in (
            ("vm-stopped", VmState.STOPPED, "disk-attached"),
            ("vm-started", VmState.STARTED, ""),
            ("vm-suspended", VmState.SUSPENDED, "disk-attached-suspended"),
            ("vm-bare", VmState.STOPPED, ""),
            ("vm-error", VmState.ERROR, ""),
        ):
            await self.machine(name, state, attached)

    async def machine(self, name: str, state: VmState, attached: str) -> None:
        vm_id = self.new(name)
        cost = total((*_VM_COST, *_BOOT_COST, _capacity("ephemeral-disk.capacity", 2)))
        boot = VmDisk(
            id=self.new(f"{name}-boot"),
            name=f"{name}-boot0",
            flavor_id=self.ids["boot-flavor"],
            flavor="boot",
            capacity_gb=2,
            boot=True,
        )
        vm = Vm(
            id=vm_id,
            project_id=self.ids["web"],
            tenant_id=self.ids["acme"],
            name=name,
            state=state,
            flavor_id=self.ids["flavor"],
            flavor="small",
            cpu_count=1,
            memory_mib=1024,
            image_id=self.ids["image"],
            image_digest=DIGEST,
            disks=(boot,),
            cost=cost,
            mac=mac_of(vm_id),
            host_id=self.ids["host"],
            datastore="local-1",
            attached_disk_ids=(self.ids[attached],) if attached else (),
            iso=VmIso(id="iso-1", name="tools.iso", size_bytes=4096, digest=DIGEST)
            if name == "vm-bare"
            else None,
        )
        await self.put(kinds.VMS, vm)
        await self.charge(cost)
        share = VmShare(cpu_count=1, memory_mib=1024, disk_bytes=0)
        await self.reserve(lambda held: held.with_vm(vm_id, share))
        if attached:
            stored = await reading.disk(self.ports.store, self.ids[attached])
            disk = replace(stored.value, state=DiskState.ATTACHED, vm_id=vm_id)
            await self.put(kinds.DISKS, disk, stored.value)

    async def leases(self) -> None:
        """Higher limits for an hour: of a project, and of its tenant."""
        await self.lease("lease", OwnerKind.PROJECT, self.ids["web"], "vm.flavor.huge")
        await self.lease("tenant-lease", OwnerKind.TENANT, self.ids["acme"], "sdn.floatingip.size")

    async def lease(self, name: str, owner: OwnerKind, owner_id: str, key: str) -> None:
        items = {key: QuotaLimit(limit=1.0, unit=Unit.COUNT)}
        until_ms = self.ports.clock.now_ms() + 3_600_000
        admission = await perform(
            self.ports,
            lambda: lease_grant(
                self.ports, _CALLER, owner, owner_id, items, until_ms, "a busy hour"
            ),
        )
        self.ids[name] = admission.task.resource_properties["leaseId"]

    async def policies(self) -> None:
        """Roles by policy, beside those that the groups of tenant and project have."""
        store = self.ports.store
        acme = await reading.tenant(store, self.ids["acme"])
        await self.put(
            kinds.TENANTS,
            replace(
                acme.value,
                policy=policy_of(
                    [
                        Binding(principal=group("auditors"), role=Role.VIEWER),
                        Binding(principal=group("planners"), role=Role.CONTRIBUTOR),
                    ]
                ),
            ),
            acme.value,
        )
        web = await reading.project(store, self.ids["web"])
        await self.put(
            kinds.PROJECTS,
            replace(
                web.value,
                policy=policy_of(
                    [
                        Binding(principal=group("web-leads"), role=Role.OWNER),
                        Binding(principal=f"viewer@{DOMAIN}", role=Role.VIEWER),
                    ]
                ),
            ),
            web.value,
        )
        vm = await reading.vm(store, self.ids["vm-stopped"])
        helped = policy_of([Binding(principal=f"vm-owner@{DOMAIN}", role=Role.OWNER)])
        await self.put(kinds.VMS, replace(vm.value, policy=helped), vm.value)

    async def tasks(self) -> None:
        """A stalled creation of a disk that allows every action, and one that has failed."""
        now_ms = self.ports.clock.now_ms()
        step = Step(
            operation="CREATE_DISK",
            sequence=0,
            state=TaskState.STARTED,
            queued_ms=now_ms,
            started_ms=now_ms,
            attempt=1,
            skippable=True,
            undoable=True,
        )
        stalled = Task(
            id=self.new("task-stalled"),
            operation="CREATE_DISK",
            entity_kind=kinds.DISK,
            entity_id=self.ids["disk"],
            state=TaskState.STARTED,
            queued_ms=now_ms,
            started_ms=now_ms,
            steps=[step],
            tenant_id=self.ids["acme"],
            project_id=self.ids["web"],
            requested_by="admin@heliostat.local",
            request_id="seed",
            stalled=Stall(
                since_ms=now_ms,
                reason="Waiting for the agent of host-1 to prepare the disk; it is not connected.",
                actions=("retry", "skip", "undo"),
            ),
        )
        await self.ports.store.commit((), changes_for(stalled))
        problem = Problem(code="NoSuchResource", message="There is no host yet.", hint="Add one.")
        failed = replace(
            stalled,
            id=self.new("task-failed"),
            state=TaskState.ERROR,
            end_ms=now_ms,
            stalled=None,
            undoing=True,
            steps=[replace(step, state=TaskState.ERROR, end_ms=now_ms, errors=[problem])],
        )
        await self.ports.store.commit((), changes_for(failed))


def _capacity(key: str, capacity_gb: int) -> CostItem:
    return CostItem(key=key, value=float(capacity_gb), unit=Unit.GB)
