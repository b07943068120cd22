"""Why each error code occurs, and whether asking again helps: one row a code.

Beside :mod:`codes`, which programs branch on, this is what people read: the
error catalogue is made of both.  Tests see that no code lacks its row.
"""

from __future__ import annotations

from enum import StrEnum

from heliostat.core.codes import CODES
from heliostat.core.os_causes import OS_CAUSES


class Retry(StrEnum):
    """What becomes of the same request sent again."""

    LATER = "later"
    """It may succeed: wait as long as ``Retry-After`` says, or a moment."""
    CHANGED = "changed"
    """It fails again until something is changed first."""
    NEVER = "never"
    """It is no answer to a request, or the same request can't succeed."""


_LATER_STATUSES = frozenset({429, 502, 503, 507})
_LATER = frozenset({"ConcurrentTask", "ConsoleInUse", "GuardFailed", "TimedOut", "Unreachable"})
_NEVER = frozenset(
    {"NotConfigured", "NotImplemented", "StepSkipped", "TaskUndone", "MethodNotAllowed", "NotFound"}
    | {"InternalError", "UpdateNotSupported", "AuditBroken", "SimulationFailed"}
)


def retry_of(code: str) -> Retry:
    """Whether the same request may be sent again."""
    if code in _NEVER:
        return Retry.NEVER
    if code in _LATER or CODES[code].status in _LATER_STATUSES:
        return Retry.LATER
    return Retry.CHANGED


RESERVED: dict[str, str] = {
    "AuthInitializationFailure": "A controller serves only once sign-in is ready.",
    "FlavorInUse": "A used flavor goes PENDING_DELETE instead.",
    "ImageInUse": "A used image goes PENDING_DELETE instead.",
    "InsufficientCapacity": "The codes that name what is short are told instead.",
    "StepNotFound": "Steps are acted on through their task.",
    "UpdateNotSupported": "No request of today names a field that can't be changed.",
}
"""Codes that existing clients know and that nothing here raises, with the reason."""

CAUSES: dict[str, str] = {
    "ComputerExists": "A computer of the domain has this name.",
    "ComputerNotFound": "There is no computer of this name.",
    "AddressRefused": "An address of an identity source or a provider is the controller's own, "
    "link-local or barred, and the operator has not allowed it.",
    "DirectoryReadOnly": "Something of a directory elsewhere was to be changed; those are only "
    "read.",
    "TooManyEntries": "A search of an identity source would look at more entries than are read for "
    "one answer, or the source's own server gave up.",
    "InvalidFilter": "A search's filter is not one, or is larger than what is read.",
    "UnitExists": "An organisational unit has this name in this place.",
    "UnitNotEmpty": "An organisational unit was to be deleted while something lay in it.",
    "UnitNotFound": "There is no organisational unit with this path.",
    "DirectoryMoving": "People and groups are being moved to another directory, and it is the "
    "short end of it, when nothing may change.",
    "DirectoryDiffers": "What was copied to another directory is not what there is in the old one.",
    "DirectoryNodeNotFound": "The directory has no node of this name.",
    "DirectoryRefused": "OpenLDAP takes an entry in no form that it was offered in.",
    "DirectoryUnavailable": "No node of the directory answered in time.",
    "DirectoryNodeFailed": "A server of the directory could not be configured or started, or "
    "ended.",
    "KerberosNotEnabled": "The directory's tenant has no Kerberos realm.",
    "KerberosRefused": "A Kerberos ticket is expired, forged, for another service, was used "
    "before, or is of somebody who may not sign in.",
    "KerberosUnavailable": "The controller's krb5kdc has ended, is not installed, or does not "
    "answer.",
    "NotInstalled": "A program or library that this part needs is not on the machine.",
    "AccessForbidden": "The caller has no role on the entity, its project or its tenant that "
    "allows this; or there is no such entity, which only administrators are told.",
    "AgentError": "The host's agent failed at something in a way that has no code of its own, or "
    "gave an answer that makes no sense.",
    "AgentUnavailable": "No agent of that host is connected, or it did not answer in time.",
    "AmbiguousName": "Several entities have this name.",
    "AuditBroken": "Records of the audit trail are not those that were sealed: the store's file "
    "was changed by other means than this platform.",
    "AuthInitializationFailure": "Sign-in is not ready yet.",
    "AvailabilityZoneNotFound": "There is no zone with this id.",
    "BackupFailed": "The copy of the store could not be written or did not pass its check.",
    "BlobNotFound": "The content that an image consists of is not in the content store.",
    "BuildFailed": "A step of building an image of the operating system failed.",
    "CertificateEntryNotFound": "Nothing in the certificate store has that name, or it has no key.",
    "CertificateInvalid": "The other side could not prove to be the controller, or a certificate "
    "has expired.",
    "CertificateStoreNotFound": "This machine has no certificate store of that name.",
    "ChoreFinding": "The background work found something that it can't mend by itself, or is "
    "under way.",
    "ChoreNotFound": "There is no background work of this name.",
    "ConsentNotFound": "The consent was withdrawn already, or there never was one with this id.",
    "SessionNotFound": "The session has ended already, or there never was one with this id.",
    "ClientNotFound": "There is no program of this name that people sign in to.",
    "CommandFailed": "A program that was run ended with an error.",
    "Compacted": "A reader asked for a revision that is no longer kept.",
    "ConcurrentTask": "Another task is at work on the same entity, or others kept changing what "
    "the request needs.",
    "ConsoleInUse": "Somebody else has the serial console open; it takes one at a time.",
    "ContainerNotEmpty": "A tenant with projects, a project with VMs, disks or images, or a zone "
    "with hosts was to be deleted.",
    "CyclicGroups": "A group would contain itself by way of others.",
    "DatastoreNotFound": "There is no datastore with this id.",
    "DatastoreUnavailable": "The folder of the datastore is not there on the host: not mounted.",
    "DeletedDisksRemoved": "A project was deleted while it kept deleted disks: they go with it, "
    "before their time to be restored is over. A warning, not a refusal.",
    "DiskFull": "The disk that holds the store, the content or the guests has no space left.",
    "DiskInUse": "The disk is attached to a VM.",
    "DiskNotFound": "There is no disk with this id, or its time to be restored is over.",
    "DuplicateHost": "A host with this address was added before.",
    "ExpiredAuthToken": "The access token's time is over; they live for minutes.",
    "FlavorInUse": "Something uses the flavor.",
    "FlavorNotFound": "There is no flavor with this id.",
    "GroupExists": "A group, user or program has this name.",
    "FactorNotFound": "Nobody has that second factor; it may have been removed.",
    "GroupNotFound": "There is no group of this name.",
    "GuardFailed": "Somebody else changed the data between reading and writing.",
    "GuestCrashed": "The machine's process ended by itself and was not told to.",
    "GuestUnreachable": "Nothing in the guest listens on that port, or its console is not up.",
    "HostAvailabilityZoneAlreadySet": "The host is in a zone; a host's zone is set once.",
    "HostDatastoreNotFound": "The host has no datastore of this name.",
    "HostHasVms": "VMs are on the host that is to enter maintenance or to be removed.",
    "HostNotFound": "There is no host with this id.",
    "HypervisorFailed": "QEMU refused or did not do what it was told.",
    "IdempotencyConflict": "The same Idempotency-Key came with another request within 24 hours.",
    "ImageCorrupt": "A host's copy of an image is not what its digest says.",
    "ImageInUse": "VMs are made from the image.",
    "ImageNotFound": "There is no image with this id.",
    "ImageUploadError": "The upload was not the form that is expected, ended early, or was too "
    "slow.",
    "InsufficientCapacity": "No host has room.",
    "InternalError": "Something that nobody foresaw: a defect of this platform.",
    "InvalidAnswer": "What answered does not speak this API: another server, or a proxy.",
    "InvalidAuthToken": "The token was not made by this platform, or its user is gone.",
    "InvalidAvailabilityZoneState": "The zone is on its way out.",
    "InvalidClient": "The program that asks for a token is unknown, or its assertion is not "
    "signed with its key, too old, or was used before.",
    "InvalidDiskState": "The disk's state does not allow the operation.",
    "InvalidEntity": "A field of the body is missing, unknown, or of the wrong type or range; the "
    "message names it.",
    "InvalidFlavor": "The request names a flavor that does not exist for this kind.",
    "InvalidFlavorSpecification": "The flavor's costs are incomplete or doubled.",
    "InvalidFlavorState": "The flavor is on its way out.",
    "AuthorizationPending": "A machine asks whether somebody has allowed its sign-in, and nobody "
    "has yet. Programs go on asking; people never see it.",
    "SlowDown": "A machine that waits to be signed in asks more often than it was told to.",
    "SignInDenied": "Somebody was asked in a browser whether to sign in a machine or a program, "
    "and said no.",
    "DeviceCodeExpired": "Nobody typed the code of `helio login` into a browser within ten "
    "minutes.",
    "InvalidGrant": "The session has ended: signed out, password changed, or too old.",
    "InvalidHostState": "The host's state does not allow the operation.",
    "InvalidImage": "The uploaded file is damaged, or refers to files outside itself.",
    "InvalidImageDatastoreSet": "A datastore named for images does not exist, or none was named.",
    "InvalidImageReplicationType": "ImageReplication is neither EAGER nor ON_DEMAND.",
    "InvalidImageState": "The image is not ready: still being made, failed, or on its way out.",
    "InvalidJson": "The body is no JSON, is nested too deep, or did not arrive in time.",
    "InvalidLoginCredentials": "User name or password is wrong, or the user is disabled or locked "
    "after too many attempts; which one is not told.",
    "InvalidName": "The name has other characters, or is longer, than names may be.",
    "InvalidNetworkConfig": "More subnets were named than a VM can have, or one that can't be "
    "used.",
    "InvalidOperation": "The entity does not allow this operation.",
    "InvalidOva": "The appliance's archive or its description is damaged or incomplete.",
    "InvalidPageSize": "A page was to have fewer than 1 or more than 100 items.",
    "InvalidPolicy": "A setting of the policy is unknown, out of its bounds, or does not go with "
    "another one; nothing was changed.",
    "InvalidQueryParams": "A query parameter is unknown, doubled, or has a value that it can't "
    "have; the message names it.",
    "InvalidScenario": "The simulator's fault script can't be read.",
    "InvalidTarget": "A program asks to exchange somebody's token for one that another service "
    "accepts, and its settings do not name that service.",
    "InvalidScope": "A scope was asked for that does not exist here.",
    "InvalidSecurityGroupFormat": "A group is not written as DOMAIN\\name.",
    "InvalidSetting": "A setting is unknown or has a value that it can't have.",
    "InvalidSamlMessage": "A SAML message is malformed, not signed as it has to be, too old, or "
    "was used before.",
    "InvalidTicket": "The console ticket is unknown, was used, or its time is over.",
    "InvalidToken": "The join token is unknown, was used, or its time is over.",
    "InvalidVmState": "The VM's state does not allow the operation.",
    "InvalidVmdkFormat": "The VMDK is of a variant that can't be read, or damaged.",
    "IsoAlreadyAttached": "The VM's CD drive holds an ISO.",
    "IsoUploadError": "The upload was not one file part, was empty, or ended early.",
    "LeaseLost": "A worker was away for so long that another one has taken over its tasks.",
    "MalformedAuthToken": "The Authorization header holds no bearer token.",
    "MembershipRemains": "A machine has left a directory, and a change that joining made "
    "there could not be taken back.",
    "MembershipUnchanged": "Newer settings of a member machine could not be made, and it was "
    "put back to what it was.",
    "MethodNotAllowed": "The path exists, but not for this method.",
    "MissingAuthToken": "The request carries no token and came from no trusted Unix socket.",
    "MoreThanOneHostAffinity": "A VM was to be on two hosts.",
    "NameTaken": "Another one of its kind has this name in the same place.",
    "NetworkNotFound": "There is no subnet with this id.",
    "NoIsoAttached": "The VM's CD drive is empty.",
    "NoOwnerLeft": "The change would leave nobody who may change the policy again.",
    "NoSuchResource": "No host fits: too few, or none meets what the request demands.",
    "NotConfigured": "This site does not have that part, or not yet.",
    "NotEnoughCpuResource": "Hosts meet the request, but none has so many virtual CPUs left.",
    "NotEnoughDatastoreCapacity": "Hosts meet the request, but none has so much disk space left.",
    "NotEnoughMemoryResource": "Hosts meet the request, but none has so much memory left.",
    "NotFound": "The path does not exist.",
    "NotImplemented": "The operation is known, but this site can't do it.",
    "NotRunning": "The platform, or the agent, is not running here or was never set up.",
    "PageExpired": "The page's link belongs to another list, or its snapshot is no longer kept.",
    "PasswordChangeNeeded": "The password has reached the age that the tenant's rules allow, or an "
    "administrator has set one that only serves to choose another.",
    "PasswordExpired": "The password is right, but has expired in the directory that keeps it.",
    "PersistentDiskAttached": "A VM with persistent disks attached was to be deleted.",
    "PlanNotPossible": "An upload was to be planned without saying how large it is.",
    "PolicyChanged": "Somebody changed the policy between your look at it and your change.",
    "PortTaken": "Another program listens on the port that the settings name.",
    "ProjectNotFound": "There is no project with this id.",
    "ProviderInvalid": "Another provider answered what makes no sense, or what it can not prove: "
    "another issuer, key, audience or request than it was asked with.",
    "ProviderNotFound": "The domain has no other provider of that name, or it is disabled.",
    "ProviderRefused": "Another provider knows who it is, but its settings here, or the user here, "
    "keep them out.",
    "ProviderUnreachable": "Another provider could not be connected to, or took longer than ten "
    "seconds.",
    "QemuMissing": "The host has no QEMU, or not the programs that come with it.",
    "QuotaError": "The request would exceed the limit of its project or tenant; the message has "
    "key, limit, usage and what was asked for.",
    "QuotaInUse": "A limit was to be set below what is used, or what it was lent from is used.",
    "QuotaLeaseEnds": "What is used would be above the limit once the lease ends.",
    "QuotaLeaseNotFound": "There is no such lease, or it has ended.",
    "ReaderTooSlow": "A reader of events took them more slowly than they came.",
    "RequestTooLarge": "The body, or what it would write in one commit, is larger than allowed.",
    "RevisionGone": "The revision to go on from is no longer kept, or is one from before the "
    "store was restored.",
    "AcmeKeyNotFound": "No key for opening ACME accounts has this id in the domain.",
    "CertificateNotFound": "Nothing with this serial number was issued in this domain, or it ended "
    "more than a month ago.",
    "CertificateRefused": "No rule of the domain's policy lets the caller have what the request "
    "asks for, or one of its names is somebody else's.",
    "RootTooOld": "The site's root was made by an earlier version and may sign no intermediates, "
    "which every tenant's certificates need.",
    "RotationWaits": "A step of changing the root was asked for before what it waits for, or there "
    "is no such step now.",
    "TicketNeeded": "The grant for Kerberos tickets was asked for without one.",
    "TokenUnusable": "The PKCS#11 module, its token or a key in it can't be reached.",
    "SealBroken": "A secret at rest was sealed under another key than this controller's: a folder "
    "was restored in part, or controllers of one site have different ones.",
    "SealingKeyDiffers": "A controller was started on the store of a site whose secrets are sealed "
    "under a key that its own folder does not have; it would seal what others can't read.",
    "SecretToldBefore": "A command's first answer, which alone held a secret, was lost on its way; "
    "asked again with the same key, the answer says what was made and not the secret.",
    "SecondFactorRequired": "The account has a second factor, or must have one, so a password "
    "alone gets no token.",
    "SecondFactorWrong": "The code or the passkey's answer is wrong, was used before, or too many "
    "were tried; which one is not told.",
    "ServiceNotFound": "The realm has no service of this name.",
    "SignInOver": "The browser's sign-in was finished, was left alone for ten minutes, or has gone "
    "on in another window.",
    "SecurityGroupsAlreadyInherited": "A group of the tenant was to be named for its project, too.",
    "AccountKeyExists": "A service account was to get a key or certificate that it has.",
    "AccountKeyNotFound": "A service account has no such key or certificate.",
    "LastAccountKey": "Without its last key or certificate an account signs in only with what "
    "the domain's own authority has issued for it.",
    "ServiceAccountNotFound": "There is no service account of this name.",
    "ServiceProviderNotFound": "There is no program of this name that people sign in to with SAML.",
    "ShuttingDown": "The controller, or the agent, is stopping.",
    "SimulationFailed": "A simulated run ended with an invariant broken.",
    "SourceExists": "The domain or alias is that of a tenant or of another identity source.",
    "SourceNotFound": "The tenant has no identity source with this domain.",
    "SourceUnavailable": "No server of an identity source answers, or its answers can not be used.",
    "SpecInvalid": "A field of the specification does not fit the others.",
    "StateError": "The entity's state does not allow the operation.",
    "StepFailed": "A step of a task failed without a code of its own.",
    "StepNotFound": "The task has no such step.",
    "StepSkipped": "A user chose to go on without the step.",
    "StoreCorrupt": "A document or the store's file can't be read, or was written by a newer "
    "version.",
    "StoreReadOnly": "The controller may not write the store's file or folder.",
    "StoreUnavailable": "The store did not answer, or not whether a commit happened: its disk "
    "refuses, or it is being closed.",
    "StreamEnded": "A stream of events has lasted as long as it may; tokens end, too.",
    "SystemPaused": "An administrator has paused the system.",
    "TaskNotFound": "There is no task with this id, or its entity is long gone and so is it.",
    "TaskUndone": "A user stopped the task and let it undo what it had done.",
    "TenantExists": "A tenant of the directory, or the site itself, has this domain.",
    "TenantNotFound": "There is no tenant with this id.",
    "TimedOut": "Something took longer than it may.",
    "TooManyGroups": "Somebody is in more groups of an identity source than are looked at.",
    "TooManyCertificates": "A computer asked for more certificates within an hour, for itself and "
    "what runs on it, than one may; a program there may renew in a circle.",
    "TooManyRequests": "More attempts than allowed in this time.",
    "UnfullfillableAffinities": "No host meets all the affinities of the VM.",
    "UnfullfillableDiskAffinities": "No datastore meets all the affinities of the disk.",
    "Unreachable": "Nothing answered at the address: not running, another address, or no network.",
    "UnsupportedGrant": "The program may not get tokens in this way; passwords may be switched off "
    "for command lines.",
    "UnsupportedImageFileType": "The file is none of raw, qcow2, VMDK and OVA.",
    "UnsupportedImageUploadParameter": "The upload has a field or part that is not expected.",
    "UpdateNotSupported": "The field can't be changed once it is set.",
    "UpgradeRequired": "A path that is a WebSocket was asked for as a page.",
    "UserExists": "A user, group or program has this name.",
    "UserNotFound": "There is no user of this name.",
    "VmNotFound": "There is no VM with this id.",
    "WeakPassword": "The password is too short or is on a list of common ones.",
    **OS_CAUSES,
}
