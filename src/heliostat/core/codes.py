"""Every error code a user can see, with its HTTP status and what to do next.

Codes are part of the API: clients branch on them, so a code never changes its
meaning.  One row a code; a code that is not here cannot be raised.
"""

from __future__ import annotations

from typing import NamedTuple


class Code(NamedTuple):
    """HTTP status and default hint of an error code."""

    status: int
    hint: str


CODES: dict[str, Code] = {
    "MissingAuthToken": Code(401, "Sign in with `helio login`."),
    "InvalidAuthToken": Code(401, "Sign in again with `helio login`."),
    "ExpiredAuthToken": Code(401, "Refresh the token or sign in again with `helio login`."),
    "InvalidTicket": Code(401, "Get a new ticket with `helio vm mks-ticket`; each opens one door."),
    "InvalidClient": Code(401, "Check the client id, its key and the audience of its assertion."),
    "AccessForbidden": Code(
        403,
        "Ask an owner of it, its project or its tenant for a role: `helio project iam add`.",
    ),
    "NoOwnerLeft": Code(
        400, "Name one with `helio tenant iam add` or `helio project iam add`, role owner."
    ),
    "SystemPaused": Code(403, "Wait until an administrator runs `helio system resume`."),
    "NotFound": Code(404, "Check the path; /openapi.json lists every route."),
    "TenantNotFound": Code(404, "`helio tenant list` shows the tenants you may see."),
    "ProjectNotFound": Code(404, "`helio project list` shows the projects you may see."),
    "VmNotFound": Code(404, "`helio vm list` shows the VMs of a project."),
    "DiskNotFound": Code(404, "`helio disk list` shows the disks of a project."),
    "ImageNotFound": Code(404, "`helio image list` shows the images."),
    "FlavorNotFound": Code(404, "`helio flavor list` shows the flavors."),
    "HostNotFound": Code(404, "`helio host list` shows the hosts."),
    "ChoreNotFound": Code(404, "`helio chore list` shows the background work."),
    "TaskNotFound": Code(404, "`helio task list` shows the tasks."),
    "StepNotFound": Code(404, "`helio task show` lists the steps of a task."),
    "UserNotFound": Code(404, "`helio user list` shows the users."),
    "ConsentNotFound": Code(404, "`helio identity consent list` shows what people agreed to."),
    "SessionNotFound": Code(404, "`helio identity session list` shows who is signed in."),
    "ClientNotFound": Code(404, "`helio identity client list` shows the clients."),
    "ServiceProviderNotFound": Code(
        404, "`helio identity service-provider list` shows the service providers."
    ),
    "ServiceAccountNotFound": Code(404, "`helio service-account list` shows the accounts."),
    "AccountKeyNotFound": Code(
        404, "`helio service-account show ACCOUNT` shows its keys and certificates."
    ),
    "AccountKeyExists": Code(400, "Add another one: `helio service-account key add`."),
    "LastAccountKey": Code(
        409, "Add another one first, disable the account, or say that you mean it with --force."
    ),
    "CertificateStoreNotFound": Code(404, "`helio cert store list` shows the stores."),
    "CertificateEntryNotFound": Code(404, "`helio cert entry list STORE` shows what is in it."),
    "ProviderNotFound": Code(404, "`helio identity provider list` shows the providers."),
    "ProviderUnreachable": Code(
        503, "`helio identity provider probe NAME` tells how far it gets; try again later."
    ),
    "ProviderInvalid": Code(
        400, "`helio identity provider probe NAME` tells what is wrong with it."
    ),
    "ProviderRefused": Code(
        403, "Ask an administrator whom `helio identity provider show` lets in."
    ),
    "FactorNotFound": Code(404, "`helio identity factor list USER` shows what somebody has."),
    "GroupNotFound": Code(404, "`helio group list` shows the groups."),
    "UnitNotFound": Code(404, "`helio identity ou list` shows the units."),
    "ComputerNotFound": Code(404, "`helio identity computer list` shows the computers."),
    "NetworkNotFound": Code(404, "`helio subnet list` shows the subnets."),
    "DatastoreNotFound": Code(404, "`helio datastore list` shows the datastores."),
    "HostDatastoreNotFound": Code(
        404, "`helio datastore list` shows which hosts have a datastore; see the host's settings."
    ),
    "AvailabilityZoneNotFound": Code(404, "`helio zone list` shows the zones."),
    "PageExpired": Code(404, "Start the list again from its first page."),
    "BlobNotFound": Code(404, "The content is gone; upload the image again."),
    "QuotaError": Code(400, "Free something, or ask for a higher limit with `helio quota update`."),
    "MembershipRemains": Code(500, "Repair what is told, then run `helio identity leave` again."),
    "MembershipUnchanged": Code(500, "Repair what is told; the machine's timer tries by the hour."),
    "StateError": Code(400, "Look at the entity's state and choose an operation that it allows."),
    "InvalidSamlMessage": Code(
        400, "Begin again at the program; if it stays, compare its metadata with ours."
    ),
    "InvalidEntity": Code(400, "Correct the named field and send the request again."),
    "InvalidJson": Code(400, "Send one JSON object."),
    "AmbiguousName": Code(400, "Name it by its id."),
    "InvalidName": Code(
        400,
        "Use a letter first, then letters, digits and hyphens, at most 63 characters.",
    ),
    "InvalidFlavor": Code(400, "`helio flavor list` shows the flavors."),
    "InvalidFlavorSpecification": Code(400, "Give each cost once, with a key, a value and a unit."),
    "InvalidFlavorState": Code(400, "Use a flavor whose state is READY."),
    "FlavorInUse": Code(400, "Delete what uses the flavor first."),
    "NameTaken": Code(400, "Choose another name."),
    "ContainerNotEmpty": Code(400, "Delete what it contains first."),
    "QuotaLeaseEnds": Code(
        400, "Free what would be above, or let it end later with `helio quota lease extend`."
    ),
    "ChoreFinding": Code(400, "Run the chore, or wait: it is looked into regularly."),
    "ConcurrentTask": Code(400, "Wait for the running task to end, then try again."),
    "InsufficientCapacity": Code(400, "Add a host, or free capacity."),
    "NoSuchResource": Code(
        400,
        "Add a host that meets the request, or relax it; `helio task explain` counts the reasons.",
    ),
    "NotEnoughCpuResource": Code(
        400,
        "Add a host or use a flavor with fewer CPUs; `helio task explain` counts the reasons.",
    ),
    "NotEnoughMemoryResource": Code(
        400,
        "Add a host or use a flavor with less memory; `helio task explain` counts the reasons.",
    ),
    "NotEnoughDatastoreCapacity": Code(400, "Free disk space on a host or ask for a smaller disk."),
    "UnfullfillableAffinities": Code(
        400, "Relax the affinities (`--prefer`, `--prefer-away` need not hold), or add a host."
    ),
    "UnfullfillableDiskAffinities": Code(
        400,
        "`helio datastore list` shows types and tags: relax the affinities of the disk, or use a "
        "flavor whose `storage.` tag some datastore has.",
    ),
    "MoreThanOneHostAffinity": Code(400, "Name one host at most."),
    "InvalidVmState": Code(
        400, "`helio vm show` tells its state; bring it into one of those named first."
    ),
    "InvalidAvailabilityZoneState": Code(400, "Use a zone whose state is READY."),
    "HostAvailabilityZoneAlreadySet": Code(
        400, "A host stays in its zone; remove it and add it again to move it."
    ),
    "InvalidImageDatastoreSet": Code(
        400, "`helio datastore list` shows the datastores; name each by id where names repeat."
    ),
    "InvalidHostState": Code(
        400, "`helio host show` tells its state; bring it into one of those named first."
    ),
    "InvalidImageState": Code(400, "Use an image whose state is READY."),
    "InvalidDiskState": Code(
        400, "`helio disk show` tells its state; bring it into one of those named first."
    ),
    "InvalidOperation": Code(400, "See what the entity allows in its state."),
    "InvalidOva": Code(
        400,
        "Export the appliance again; an OVA is a tar with an .ovf first and its disk after.",
    ),
    "InvalidVmdkFormat": Code(
        400,
        "Convert the disk: `qemu-img convert -O vmdk -o subformat=streamOptimized`.",
    ),
    "InvalidImage": Code(400, "Check the file with `qemu-img check` and upload it again."),
    "ImageUploadError": Code(400, "Upload the image again."),
    "IsoUploadError": Code(400, "Upload the ISO again, as one file part and nothing else."),
    "IsoAlreadyAttached": Code(400, "Detach it first with `helio vm detach-iso`."),
    "NoIsoAttached": Code(400, "`helio vm show` tells what is attached."),
    "UnsupportedImageFileType": Code(400, "Upload a raw, qcow2, VMDK or OVA file."),
    "UnsupportedImageUploadParameter": Code(
        400,
        "Send ImageReplication before the file part, and nothing else.",
    ),
    "InvalidImageReplicationType": Code(400, "Use EAGER or ON_DEMAND."),
    "ImageInUse": Code(400, "Delete the VMs made from the image first."),
    "PersistentDiskAttached": Code(400, "Detach the disk first with `helio vm detach-disk`."),
    "DiskInUse": Code(400, "Detach the disk first."),
    "HostHasVms": Code(400, "Move or delete the VMs of the host first."),
    "DuplicateHost": Code(
        400,
        "A host with this address exists already; `helio host list` shows it.",
    ),
    "PasswordExpired": Code(
        400, "Set a new password where that directory lets people do so, then sign in."
    ),
    "SourceNotFound": Code(404, "`helio identity source list` shows the sources of a domain."),
    "SourceExists": Code(
        400, "Choose another domain or alias; `helio identity source list` shows those in use."
    ),
    "SourceUnavailable": Code(
        503, "Try again; administrators see why with `helio identity source probe DOMAIN`."
    ),
    "TooManyGroups": Code(
        400, "Set a filter by which fewer groups count: `helio identity source update`."
    ),
    "InvalidLoginCredentials": Code(400, "Check user name and password."),
    "SignInOver": Code(400, "Go back to the program, and sign in from there."),
    "SecondFactorWrong": Code(
        400, "Wait for the app's next code, use a recovery code, or ask an administrator."
    ),
    "SecondFactorRequired": Code(
        400, "Sign in with a browser, here or on another machine: `helio login`."
    ),
    "AcmeKeyNotFound": Code(404, "`helio identity acme-key list` shows the keys."),
    "CertificateNotFound": Code(404, "`helio identity certificate list` shows what was issued."),
    "CertificateRefused": Code(
        403, "`helio identity ca policy show` shows who may have what; `--plan` tries without harm."
    ),
    "RootTooOld": Code(
        409,
        "Change the site's root: `helio identity ca rotate`, then see `helio identity ca status`.",
    ),
    "RotationWaits": Code(409, "`helio identity ca status` tells how it stands."),
    "TokenUnusable": Code(
        500,
        "Check identity.authority.token, and that python-pkcs11 and the module are installed.",
    ),
    "SealBroken": Code(
        500, "Every controller needs the same seal.key in its authority folder; restore it."
    ),
    "SecretToldBefore": Code(409, "Give it another secret; the one before is not told again."),
    "SealingKeyDiffers": Code(
        500,
        "Copy authority/seal.key from a controller that runs, or restore it, and start again.",
    ),
    "SecurityGroupsAlreadyInherited": Code(400, "Leave out groups that the tenant hands down."),
    "DeletedDisksRemoved": Code(
        400, "Before the project is deleted, `helio disk restore` keeps a disk."
    ),
    "InvalidSecurityGroupFormat": Code(400, "Write a group as DOMAIN\\name."),
    "InvalidPageSize": Code(400, "Ask for 1 to 100 items."),
    "InvalidQueryParams": Code(400, "Correct the named query parameter."),
    "MalformedAuthToken": Code(400, "Send `Authorization: Bearer TOKEN`."),
    "SpecInvalid": Code(400, "Correct the named field."),
    "InvalidToken": Code(400, "Make a new join token with `helio host join-token`."),
    "InvalidGrant": Code(400, "Sign in again."),
    "AuthorizationPending": Code(400, "Ask again after the interval; the code is still good."),
    "SlowDown": Code(400, "Wait five seconds longer between two requests."),
    "SignInDenied": Code(400, "Begin again with `helio login`, and allow it in the browser."),
    "DeviceCodeExpired": Code(400, "Begin again with `helio login`; a code lives ten minutes."),
    "UnsupportedGrant": Code(400, "Use a grant that this client is allowed."),
    "InvalidTarget": Code(
        400, "`helio identity client update NAME --exchange-for rs_…` says for whom it may."
    ),
    "InvalidScope": Code(400, "Leave out the unknown scope."),
    "QuotaInUse": Code(400, "Lower or delete what uses it first."),
    "QuotaLeaseNotFound": Code(
        404, "`helio quota lease list` shows the leases that have not ended."
    ),
    "PlanNotPossible": Code(
        400,
        "An upload can be planned only with its size: send `Content-Length` or `declaredSize`.",
    ),
    "PasswordChangeNeeded": Code(
        400, "Choose another one with `helio password` (POST /v1/password)."
    ),
    "TicketNeeded": Code(401, "Get a ticket with `kinit`, then try again."),
    "KerberosRefused": Code(401, "Get a new ticket with `kinit`, and compare the clocks."),
    "KerberosNotEnabled": Code(404, "Give it one with `helio identity kerberos enable`."),
    "KerberosUnavailable": Code(503, "Look at the controller's log; it begins the server again."),
    "ServiceNotFound": Code(404, "`helio identity service-principal list` shows the services."),
    "InvalidPolicy": Code(400, "`helio identity policy show` tells settings, values and meaning."),
    "PolicyChanged": Code(409, "Look at it again (`helio identity policy show`), then decide."),
    "WeakPassword": Code(400, "Choose a longer password that is on no list of common ones."),
    "UserExists": Code(400, "Choose another user name."),
    "TenantExists": Code(400, "Choose another domain."),
    "GroupExists": Code(400, "Choose another group name."),
    "UnitExists": Code(400, "Choose another name for the unit, or another place."),
    "UnitNotEmpty": Code(400, "Move or delete what lies in it: `helio identity search --base`."),
    "ComputerExists": Code(400, "Choose another name for the computer."),
    "AddressRefused": Code(
        400, "The operator may open its network by the setting identity.reach.allowed."
    ),
    "DirectoryReadOnly": Code(400, "Change it where that directory is administered."),
    "TooManyEntries": Code(
        400, "Ask for less: a filter, one kind (--kind), one unit (--base) or one group (memberOf)."
    ),
    "InvalidFilter": Code(
        400, "Write it as LDAP does: (&(objectClass=person)(mail=*@acme.example))."
    ),
    "CyclicGroups": Code(400, "Remove one of the memberships that close the circle."),
    "InvalidSetting": Code(400, "Correct the setting; the reference lists them all."),
    "NotConfigured": Code(400, "Do without it; the release notes tell when it comes."),
    "InvalidNetworkConfig": Code(400, "Name one subnet, or none for the default."),
    "UpdateNotSupported": Code(400, "This field can't be changed."),
    "MethodNotAllowed": Code(405, "Check the method; /openapi.json lists every route."),
    "UpgradeRequired": Code(426, "Open it as a WebSocket, e.g. with `helio vm console`."),
    "IdempotencyConflict": Code(409, "Send a new Idempotency-Key with a different request."),
    "ConsoleInUse": Code(409, "Close the other console session first."),
    "GuardFailed": Code(412, "Read the entity again and retry."),
    "RevisionGone": Code(410, "List again and go on from the revision in its X-Revision header."),
    "RequestTooLarge": Code(413, "Send a smaller request."),
    "TooManyCertificates": Code(
        429, "Renew later; `identity.authority.machine_certificates_an_hour` says how many."
    ),
    "TooManyRequests": Code(429, "Wait a moment and try again."),
    "InternalError": Code(500, "This is a defect; report it with the request id."),
    "StepFailed": Code(500, "`helio task explain` tells what happened."),
    "StepSkipped": Code(500, "Do by hand what the step should have done."),
    "TaskUndone": Code(500, "`helio task explain` tells what happened."),
    "StoreCorrupt": Code(
        500, "`helio restore FILE` puts a copy back; HELIO_HOME/backup holds daily ones."
    ),
    "AuditBroken": Code(
        500, "Compare with a copy of the store from before: `helio restore` names the copies."
    ),
    "BackupFailed": Code(
        500,
        "Name a file in a folder that exists and that the controller may read and write.",
    ),
    "CommandFailed": Code(500, "Read the program's own message."),
    "NotInstalled": Code(500, "Install the package that is named and try again."),
    "DirectoryUnavailable": Code(503, "`helio identity node status` tells which nodes answer."),
    "DirectoryMoving": Code(503, "Try again in a moment; signing in goes on meanwhile."),
    "DirectoryDiffers": Code(500, "Run the same command again; nothing has changed its place."),
    "DirectoryNodeNotFound": Code(404, "`helio identity node list` shows the nodes."),
    "DirectoryRefused": Code(500, "Read the directory's own message."),
    "DirectoryNodeFailed": Code(503, "The node's log, slapd.log in its folder, tells why."),
    "NotImplemented": Code(501, "This site does not offer that."),
    "InvalidAnswer": Code(
        502,
        "See that the address is a Heliostat controller of this version: `helio target show`.",
    ),
    "AgentError": Code(502, "Look at the host's agent log."),
    "GuestUnreachable": Code(
        502,
        "Wait until the guest has booted; `helio vm log` shows its console.",
    ),
    "DatastoreUnavailable": Code(
        503, "Mount the folder on that host; `helio datastore list` shows which are there."
    ),
    "AgentUnavailable": Code(
        503,
        "Start the agent on that host; `helio host list` shows which answer.",
    ),
    "StoreUnavailable": Code(503, "See that the store's disk is writable and has space."),
    "StoreReadOnly": Code(
        503,
        "Make the store's file and folder writable for the controller, then start it again.",
    ),
    "ReaderTooSlow": Code(503, "Connect again with the id of the last event as Last-Event-ID."),
    "StreamEnded": Code(503, "Connect again with the id of the last event as Last-Event-ID."),
    "Compacted": Code(503, "List again and watch from the new revision."),
    "LeaseLost": Code(503, "Another worker has taken over; nothing to do."),
    "AuthInitializationFailure": Code(503, "Wait until the controller has started."),
    "ShuttingDown": Code(503, "Try again when the controller is back."),
    "DiskFull": Code(507, "Free space on the disk that holds HELIO_HOME and try again."),
    "PortTaken": Code(500, "Stop what listens there, or choose another port in the settings."),
    "QemuMissing": Code(500, "Install it: `apt-get install qemu-system-x86 qemu-utils`."),
    "HypervisorFailed": Code(500, "`helio vm log` and the agent's log tell more."),
    "GuestCrashed": Code(500, "`helio vm log` shows the last console output."),
    "ImageCorrupt": Code(500, "The host will fetch the image again."),
    "BuildFailed": Code(500, "Read the log named above."),
    "PackageNotFound": Code(404, "`helio os source search PART` looks for part of a name."),
    "ArchiveUnreachable": Code(502, "See that the mirror can be reached: `helio os source show`."),
    "ArchiveUntrusted": Code(502, "Use another mirror; unverified packages are never taken."),
    "DigestMismatch": Code(502, "Try again in some minutes, else use another mirror."),
    "ImportRefused": Code(400, "Name it in distro/policy, with the reason."),
    "SimulationFailed": Code(500, "Run the command it names: the same seed fails the same way."),
    "InvalidScenario": Code(400, "docs/howto/rehearse-with-the-simulator.md shows one."),
    "NotRunning": Code(500, "Start the platform with `make up`."),
    "CertificateInvalid": Code(
        500,
        "Trust the platform's CA with `helio target set URL --ca FILE`.",
    ),
    "Unreachable": Code(500, "Check the address and that the controller runs: `helio status`."),
    "TimedOut": Code(500, "`helio task show` tells how far it got."),
    "RepositoryUnusable": Code(
        500, "Publish the repository again, or check it: `helio os repo verify NAME`."
    ),
    "DependencyUnmet": Code(
        409, "Import or build what is missing, or take the name out of the list of packages."
    ),
    "PackageInvalid": Code(400, "Fetch or build the package again."),
    "PackageTampered": Code(400, "Throw the file away and fetch it again from its source."),
    "PackageUnsigned": Code(400, "Sign it, if you made it: `helio os package sign FILE`."),
    "SignatureInvalid": Code(400, "Throw the file away and fetch it again from its source."),
    "KeyUnknown": Code(400, "If you trust that key, name its file with --key."),
    "DigestTooWeak": Code(400, "Have it signed again with SHA-256 or SHA-512."),
    "SigningKeyMissing": Code(404, "Make one: `helio os key create`."),
    "PackageMissing": Code(
        500, "Publish the repository again, or check it: `helio os repo verify NAME`."
    ),
    "FileConflict": Code(
        409, "Let one of the packages drop the file in distro/policy, then import it again."
    ),
    "FolderNotEmpty": Code(409, "Name a new folder, or remove that one."),
    "ComposeFailed": Code(500, "`data.said` has all that RPM printed."),
    "GateClosed": Code(409, "`data.gates` lists every fault; `helio os tree check` looks again."),
    "RepositoryNotFound": Code(404, "`helio os repo list` shows them; `create` makes one."),
    "GenerationNotFound": Code(404, "`helio os repo show NAME` lists the generations there are."),
    "RepositoryCorrupt": Code(
        500, "`helio os repo verify NAME` tells every fault; `rollback` and `publish` mend it."
    ),
    "RepositoryUntrusted": Code(
        400,
        "Name the file of its key with --key once you trust it, or publish it again with yours.",
    ),
    "RepositoryUnwritable": Code(
        500, "See that you may write the repository's folder and that its disk is in order."
    ),
    "PackageUntrusted": Code(
        400, "Sign it with `helio os repo sign NAME FILE`, once you know where it came from."
    ),
    "PackageConflict": Code(409, "Give the package a higher release, or say what you want to do."),
    "PromotionRefused": Code(409, "`data.gates` tells every fault; mend them, then curate again."),
    "BuildNotFound": Code(404, "`helio os build list` shows what was built."),
    "NotASystem": Code(
        400, "Name a folder with a root tree, a disk image with an ext4 root, or a container image."
    ),
    "KnowledgeUnreadable": Code(
        400, "docs/howto/check-for-cves.md names the formats; download the file again."
    ),
    "KnowledgeBusy": Code(409, "Start the same command again once the other one has ended."),
    "KnowledgeMissing": Code(
        404, "Import feeds first: `helio os cve import FILE…` (docs/howto/check-for-cves.md)."
    ),
    "VulnerabilityUnknown": Code(404, "`helio os cve status` tells what was imported."),
    "DatabaseMissing": Code(
        404, "Name a root tree, an image file, or an image that `helio os image list` shows."
    ),
    "PathNotFound": Code(404, "Name the file by its whole path in the system, from the root on."),
    "SigningKeyExists": Code(
        409, "--replace takes the new one; every client then needs its public key."
    ),
}
