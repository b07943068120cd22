"""What may be removed from datastores, and what is kept whatever happens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.agentlink.messages import Leftover, LeftoverKind
from heliostat.controller.model.leftovers import Grace, Known, judge
from heliostat.controller.model.replication import Copy

GRACE = Grace(images_s=100, others_s=1000)
NOTHING = Known(revision=50, copies=(), vms=(), disks=())


def leftover(kind: LeftoverKind, unneeded_s: float = 2000, revision: int = -1) -> Leftover:
    return Leftover(kind=kind, id="x", datastore="ds", unneeded_s=unneeded_s, revision=revision)


@pytest.mark.parametrize(
    ("kind", "known"),
    [
        (LeftoverKind.IMAGE, Known(50, (Copy("x", "ds"),), (), ())),
        (LeftoverKind.VM, Known(50, (), ("x",), ())),
        (LeftoverKind.DISK, Known(50, (), (), ("x",))),
    ],
)
def test_what_a_document_names_stays(kind: LeftoverKind, known: Known) -> None:
    grace = Grace(images_s=0, others_s=0, removes_disks=True)
    assert not judge(leftover(kind), known, grace).remove
    assert judge(leftover(kind), NOTHING, grace).remove


def test_an_image_in_another_datastore_is_another_copy() -> None:
    elsewhere = Known(50, (Copy("x", "other"),), (), ())
    assert judge(leftover(LeftoverKind.IMAGE), elsewhere, GRACE).remove


def test_each_kind_has_its_grace_time() -> None:
    assert judge(leftover(LeftoverKind.IMAGE, 101), NOTHING, GRACE).remove
    young = judge(leftover(LeftoverKind.VM, 101), NOTHING, GRACE)
    assert (young.remove, young.reason) == (False, "Its grace time ends in 899 s.")


def test_persistent_disks_are_only_told_of() -> None:
    verdict = judge(leftover(LeftoverKind.DISK), NOTHING, GRACE)
    assert (verdict.remove, verdict.told) == (False, True)


@given(
    st.sampled_from(LeftoverKind),
    st.floats(0, 1e6),
    st.integers(51, 1000),
    st.booleans(),
)
def test_what_is_newer_than_the_store_is_never_removed(
    kind: LeftoverKind, unneeded_s: float, revision: int, removes_disks: bool
) -> None:
    grace = Grace(images_s=0, others_s=0, removes_disks=removes_disks)
    verdict = judge(leftover(kind, unneeded_s, revision), NOTHING, grace)
    assert not verdict.remove
    assert verdict.told
