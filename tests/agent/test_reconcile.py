"""The agent's decisions: single cases by hand, and convergence from any state by search."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from heliostat.agent.hypervisors.contract import SLOTS, Life
from heliostat.agent.reconcile import (
    Action,
    DiskVerb,
    Halt,
    Observed,
    Policy,
    Verb,
    decide,
    decide_disk,
    wanted_disks,
)
from heliostat.agentlink.messages import (
    DesiredIso,
    DesiredVm,
    DesiredVmDisk,
    DiskKind,
    GuestState,
    Power,
)

POLICY = Policy(power_button_s=10.0)
IMAGE = "ab" * 32


def wish(
    power: Power = Power.ON,
    *,
    revision: int = 5,
    restart: int = 0,
    hard: bool = False,
    restart_on_crash: bool = True,
    disks: tuple[str, ...] = (),
    disc: str = "",
) -> DesiredVm:
    boot = DesiredVmDisk(id="b", kind=DiskKind.BOOT, capacity_bytes=1, image_digest=IMAGE)
    more = [DesiredVmDisk(id=each, kind=DiskKind.PERSISTENT, capacity_bytes=1) for each in disks]
    return DesiredVm(
        id="v",
        revision=revision,
        name="v",
        power=power,
        cpu_count=1,
        memory_mib=64,
        disks=(boot, *more),
        iso=DesiredIso(digest=disc, size_bytes=1) if disc else None,
        restart=restart,
        hard=hard,
        restart_on_crash=restart_on_crash,
        stop_timeout_s=30,
    )


NEW = Observed()
OFF = Observed(exists=True, prepared=True)
RUNNING = replace(OFF, life=Life.RUNNING)
SAVED = replace(OFF, life=Life.SAVED)


def verbs(desired: DesiredVm | None, observed: Observed) -> list[Verb]:
    return [action.verb for action in decide(desired, observed, POLICY)]


def test_a_new_vm_is_prepared_after_its_image() -> None:
    assert verbs(wish(), replace(NEW, missing_images=(IMAGE,))) == [Verb.FETCH_IMAGE, Verb.PREPARE]
    assert verbs(wish(Power.OFF), NEW) == [Verb.PREPARE]


def test_a_guest_that_powered_itself_off_stays_off_until_asked_again() -> None:
    halted = replace(OFF, halt=Halt.GUEST, halt_revision=5)
    assert verbs(wish(revision=5), halted) == []
    assert verbs(wish(revision=6), halted) == [Verb.START]
    assert verbs(wish(revision=5, restart=1), halted) == [Verb.START]
    assert halted.state is GuestState.STOPPED


def test_a_crashed_guest_starts_again_after_its_pause() -> None:
    crashed = replace(OFF, halt=Halt.CRASH, halt_revision=5, crashes=1, crash_wait_s=4)
    assert verbs(wish(), crashed) == [Verb.WAIT]
    assert verbs(wish(), replace(crashed, crash_wait_s=0)) == [Verb.START]
    assert verbs(wish(restart_on_crash=False), crashed) == []
    assert crashed.state is GuestState.CRASHED


def test_the_end_of_the_host_or_the_agents_own_stop_is_no_reason_to_stay_off() -> None:
    for halt in (Halt.HOST, Halt.AGENT):
        assert verbs(wish(), replace(OFF, halt=halt, halt_revision=5)) == [Verb.START]


def test_stopping_presses_waits_presses_again_and_kills() -> None:
    off = wish(Power.OFF)
    assert verbs(off, RUNNING) == [Verb.PRESS_POWER]
    pressed = replace(RUNNING, stopping_s=3, pressed_s=3)
    assert decide(off, pressed, POLICY)[0].delay_s == 7
    assert verbs(off, replace(pressed, stopping_s=12, pressed_s=10)) == [Verb.PRESS_POWER]
    late = decide(off, replace(pressed, stopping_s=30), POLICY)
    assert late[0].verb is Verb.KILL
    assert "30 s" in late[0].reason
    assert verbs(wish(Power.OFF, hard=True), RUNNING) == [Verb.KILL]


def test_a_restart_is_counted_not_repeated() -> None:
    assert verbs(wish(restart=1), RUNNING) == [Verb.PRESS_POWER]
    assert verbs(wish(restart=1, hard=True), RUNNING) == [Verb.KILL]
    assert verbs(wish(restart=1), replace(RUNNING, restart_done=1)) == []


def test_suspended_guests_resume_or_lose_their_memory() -> None:
    assert verbs(wish(), SAVED) == [Verb.RESUME]
    assert verbs(wish(Power.OFF), SAVED) == [Verb.DISCARD_MEMORY]
    assert verbs(wish(Power.SUSPENDED), SAVED) == []
    assert verbs(wish(Power.SUSPENDED), RUNNING) == [Verb.SUSPEND]


def test_disks_are_exchanged_while_running() -> None:
    running = replace(RUNNING, plugged=frozenset({"old", "kept"}))
    actions = decide(wish(disks=("kept", "new")), running, POLICY)
    assert [(each.verb, each.target) for each in actions] == [
        (Verb.UNPLUG, "old"),
        (Verb.PLUG, "new"),
    ]


def test_a_disc_is_fetched_before_it_is_needed_and_exchanged_while_running() -> None:
    lacking = replace(OFF, missing_discs=("new",))
    assert verbs(wish(Power.OFF, disc="new"), lacking) == [Verb.FETCH_DISC]
    assert verbs(wish(disc="new"), lacking) == [Verb.FETCH_DISC, Verb.START]
    saved = replace(SAVED, missing_discs=("new",))
    assert verbs(wish(disc="new"), saved) == [Verb.FETCH_DISC, Verb.RESUME]
    running = replace(RUNNING, disc="old", missing_discs=("new",))
    actions = decide(wish(disc="new"), running, POLICY)
    assert [(each.verb, each.target) for each in actions] == [
        (Verb.EJECT, "old"),
        (Verb.FETCH_DISC, "new"),
        (Verb.INSERT, "new"),
    ]
    assert verbs(wish(), replace(RUNNING, disc="old")) == [Verb.EJECT]
    assert verbs(wish(disc="old"), replace(RUNNING, disc="old")) == []


def test_a_silent_guest_is_waited_for_unless_it_shall_end() -> None:
    silent = replace(RUNNING, silent=True)
    assert verbs(wish(disks=("d",)), silent) == [Verb.WAIT]
    assert verbs(wish(Power.OFF, hard=True), silent) == [Verb.KILL]


def test_no_start_without_its_disks() -> None:
    lacking = replace(OFF, missing_disks=("d",))
    assert verbs(wish(disks=("d",)), lacking) == [Verb.WAIT]
    assert verbs(wish(), replace(OFF, missing_images=(IMAGE,))) == [Verb.FETCH_IMAGE, Verb.START]


def test_an_unwanted_vm_goes_whatever_its_state() -> None:
    assert verbs(None, RUNNING) == [Verb.KILL, Verb.DELETE]
    assert verbs(None, SAVED) == [Verb.DELETE]
    assert verbs(None, replace(RUNNING, given_up=True)) == [Verb.KILL, Verb.DELETE]
    assert verbs(None, replace(RUNNING, silent=True)) == [Verb.KILL, Verb.DELETE]
    assert verbs(None, replace(RUNNING, retry_s=9)) == [Verb.WAIT]
    assert verbs(None, NEW) == []


def test_a_persistent_disk_dies_only_by_its_own_name() -> None:
    def verb(*, wanted: bool, unwanted: bool, exists: bool, used_by: str = "") -> DiskVerb:
        return decide_disk(wanted=wanted, unwanted=unwanted, exists=exists, used_by=used_by)[0]

    assert verb(wanted=False, unwanted=False, exists=True) is DiskVerb.NOTHING
    assert verb(wanted=False, unwanted=True, exists=True, used_by="v") is DiskVerb.WAIT
    assert verb(wanted=False, unwanted=True, exists=True) is DiskVerb.DELETE
    assert verb(wanted=True, unwanted=True, exists=True) is DiskVerb.NOTHING
    assert verb(wanted=True, unwanted=False, exists=False) is DiskVerb.CREATE


DISKS = ("p", "q", "r")
disk_sets = st.frozensets(st.sampled_from(DISKS))
discs = st.sampled_from(("", "first", "second"))
observations = st.builds(
    lambda prepared, life, halt, at, restart, plugged, disc, missing, stopping, crash_wait, retry: (
        Observed(
            exists=True,
            prepared=prepared,
            missing_images=(IMAGE,) if missing else (),
            life=life if prepared else Life.ABSENT,
            halt=halt if prepared else Halt.NONE,
            halt_revision=at,
            crash_wait_s=crash_wait,
            restart_done=restart,
            plugged=plugged if prepared and life is not Life.ABSENT else frozenset(),
            disc=disc if prepared and life is Life.RUNNING else "",
            stopping_s=stopping,
            pressed_s=stopping or 0.0,
            retry_s=retry,
        )
    ),
    st.booleans(),
    st.sampled_from(Life),
    st.sampled_from(Halt),
    st.integers(-1, 6),
    st.integers(0, 2),
    disk_sets,
    discs,
    st.booleans(),
    st.none() | st.floats(0, 60),
    st.floats(-5, 60),
    st.floats(0, 5),
)
wishes = st.none() | st.builds(
    lambda power, restart, hard, again, disks, disc: wish(
        power,
        restart=restart,
        hard=hard,
        restart_on_crash=again,
        disks=tuple(sorted(disks)),
        disc=disc,
    ),
    st.sampled_from(Power),
    st.integers(0, 2),
    st.booleans(),
    st.booleans(),
    disk_sets,
    discs,
)


@dataclass
class World:
    """A model host: performs actions and fails the test on forbidden ones."""

    observed: Observed
    heeds_power: bool

    def perform(self, action: Action, desired: DesiredVm | None) -> None:
        before = self.observed
        match action.verb:
            case Verb.WAIT:
                self.observed = passed(before, action.delay_s)
            case Verb.FETCH_IMAGE:
                self.observed = replace(before, missing_images=())
            case Verb.PREPARE:
                assert not before.missing_images, "prepared without its image"
                self.observed = replace(before, exists=True, prepared=True)
            case Verb.START | Verb.RESUME:
                assert desired is not None
                assert not before.missing_images, "started without its image"
                assert not before.missing_discs, "started without its disc"
                assert before.life is (Life.SAVED if action.verb is Verb.RESUME else Life.ABSENT)
                self._start(action.verb, desired)
            case Verb.KILL:
                self._end()
            case Verb.PRESS_POWER:
                self._press()
            case Verb.SUSPEND:
                assert before.life is Life.RUNNING
                self.observed = replace(before, life=Life.SAVED)
            case Verb.DISCARD_MEMORY:
                assert before.life is Life.SAVED
                self.observed = replace(before, life=Life.ABSENT, halt=Halt.AGENT)
            case Verb.PLUG:
                assert len(before.plugged) < SLOTS
                self.observed = replace(before, plugged=before.plugged | {action.target})
            case Verb.UNPLUG:
                self.observed = replace(before, plugged=before.plugged - {action.target})
            case Verb.FETCH_DISC:
                self.observed = replace(before, missing_discs=())
            case Verb.INSERT:
                assert not before.disc, "the drive is full"
                assert not before.missing_discs, "inserted before it was here"
                self.observed = replace(before, disc=action.target)
            case Verb.EJECT:
                assert before.disc
                self.observed = replace(before, disc="")
            case Verb.DELETE:
                assert before.life is not Life.RUNNING, "deleted under a running guest"
                assert desired is None, "deleted though wanted"
                self.observed = Observed()

    def _start(self, verb: Verb, desired: DesiredVm) -> None:
        fresh = replace(self.observed, life=Life.RUNNING, halt=Halt.NONE, stopping_s=None)
        if verb is Verb.START:
            plugged = frozenset(wanted_disks(desired))
            fresh = replace(fresh, restart_done=desired.restart, plugged=plugged)
            fresh = replace(fresh, disc=wanted_disc(desired))
        self.observed = fresh

    def _press(self) -> None:
        if self.heeds_power:
            self._end()
        else:
            since = self.observed.stopping_s or 0.0
            self.observed = replace(self.observed, stopping_s=since, pressed_s=0.0)

    def _end(self) -> None:
        assert self.observed.life is Life.RUNNING
        self.observed = replace(
            self.observed,
            life=Life.ABSENT,
            halt=Halt.AGENT,
            plugged=frozenset(),
            disc="",
            stopping_s=None,
        )


def wanted_disc(desired: DesiredVm) -> str:
    return desired.iso.digest if desired.iso is not None else ""


def passed(observed: Observed, seconds: float) -> Observed:
    stopping = observed.stopping_s
    return replace(
        observed,
        retry_s=max(observed.retry_s - seconds, 0),
        crash_wait_s=observed.crash_wait_s - seconds,
        stopping_s=None if stopping is None else stopping + seconds,
        pressed_s=observed.pressed_s + seconds,
    )


@given(wishes, observations, st.booleans(), st.booleans())
def test_every_state_converges_and_nothing_forbidden_is_done(
    desired: DesiredVm | None, observed: Observed, heeds_power: bool, disc_is_here: bool
) -> None:
    if desired is not None and desired.iso is not None and not disc_is_here:
        observed = replace(observed, missing_discs=(desired.iso.digest,))
    world = World(observed, heeds_power)
    for _ in range(60):
        actions = decide(desired, world.observed, POLICY)
        if not actions:
            break
        assert all(action.reason for action in actions)
        world.perform(actions[0], desired)
    else:
        raise AssertionError(f"did not converge: {world.observed}")
    check_reached(desired, world.observed)


def check_reached(desired: DesiredVm | None, found: Observed) -> None:
    if desired is None:
        assert not found.exists
        return
    assert found.prepared
    if desired.power is Power.OFF:
        assert found.life is Life.ABSENT
    elif desired.power is Power.SUSPENDED:
        assert found.life is not Life.RUNNING
    elif found.life is Life.RUNNING:
        assert found.plugged == set(wanted_disks(desired))
        assert found.disc == wanted_disc(desired)
        assert found.restart_done >= desired.restart
    else:
        assert found.halt in (Halt.GUEST, Halt.CRASH)
        assert found.halt_revision >= desired.revision
