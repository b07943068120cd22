"""Which copies of images are asked of whom: examples, and properties over random layouts."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from heliostat.controller.model.image import Image, ImageScope, ImageState, Replication
from heliostat.controller.model.replication import (
    Asked,
    Copy,
    Progress,
    Spot,
    moves,
    replication,
    seeding,
    wanted,
)


def image(
    digest: str = "d",
    how: Replication = Replication.EAGER,
    state: ImageState = ImageState.READY,
) -> Image:
    return Image(
        id=f"image-{digest}",
        name=digest,
        state=state,
        scope=ImageScope(),
        replication=how,
        size_bytes=1,
        upload_digest="u",
        digest=digest,
        blob_size_bytes=7,
    )


def spot(host: str, datastore: str, *held: str, active: bool = True) -> Spot:
    return Spot(host, datastore, active, frozenset(held))


SPOTS = (spot("h1", "a"), spot("h1", "shared"), spot("h2", "b"), spot("h2", "shared"))


def test_eager_images_go_everywhere_and_others_to_image_datastores() -> None:
    lazy = image("lazy", Replication.ON_DEMAND)
    assert wanted([image(), lazy], SPOTS, {"b", "elsewhere"}) == {
        Copy("d", "a"): 7,
        Copy("d", "b"): 7,
        Copy("d", "shared"): 7,
        Copy("lazy", "b"): 7,
    }


def test_images_that_go_or_are_not_made_are_not_copied() -> None:
    gone = image("gone", state=ImageState.PENDING_DELETE)
    broken = image("broken", state=ImageState.ERROR)
    assert wanted([gone, broken, image("")], SPOTS, {"a"}) == {}


def test_a_shared_datastore_gets_an_image_once() -> None:
    decided = moves(wanted([image()], SPOTS, ()), SPOTS, (), 10)
    assert sorted(copy.datastore_id for _, copy in decided.ask) == ["a", "b", "shared"]


def test_no_more_copies_at_once_than_allowed() -> None:
    copies = wanted([image("x"), image("y")], SPOTS, ())
    first = moves(copies, SPOTS, (), 2)
    assert (len(first.ask), first.waiting) == (2, 4)
    asked = [Asked(host, copy) for host, copy in first.ask]
    assert moves(copies, SPOTS, asked, 2).ask == ()
    settled = [replace(asked[0], settled=True), asked[1]]
    assert len(moves(copies, SPOTS, settled, 2).ask) == 1


def test_a_copy_that_failed_holds_nobody_up() -> None:
    copies = wanted([image()], SPOTS, ())
    failed = Asked("h1", Copy("d", "a"), settled=True, failed=True)
    decided = moves(copies, SPOTS, [failed], 1)
    assert len(decided.ask) == 1
    assert not decided.withdraw


def test_another_host_takes_over_what_a_missing_one_has_not_finished() -> None:
    away = (spot("h1", "shared", active=False), spot("h2", "shared"))
    copies, asked = wanted([image()], away, ()), Asked("h1", Copy("d", "shared"))
    decided = moves(copies, away, [asked], 1)
    assert (decided.withdraw, decided.ask) == ((asked,), (("h2", Copy("d", "shared")),))
    there = (spot("h1", "shared", "d", active=False), spot("h2", "shared", "d"))
    assert moves(copies, there, [asked], 1).withdraw == ()
    alone = (spot("h1", "shared", active=False),)
    assert moves(copies, alone, [asked], 1).withdraw == ()


def test_progress_counts_datastores_not_hosts() -> None:
    held = (spot("h1", "a", "d"), spot("h1", "shared", "d"), spot("h2", "shared", "d"), SPOTS[2])
    assert replication(image(), held) == Progress(2, 3)
    assert replication(image(), held).percent == 66
    assert seeding(image(), held, {"b"}).percent == 0
    assert seeding(image(), held, {"a", "shared"}).percent == 100
    assert seeding(image(), held, ()).percent == 100


_HOSTS = st.sampled_from(["h1", "h2", "h3"])
_DATASTORES = st.sampled_from(["a", "b", "c"])
_DIGESTS = st.sampled_from(["x", "y", "z"])
_COPIES = st.builds(Copy, _DIGESTS, _DATASTORES)
_SPOTS = st.lists(
    st.builds(Spot, _HOSTS, _DATASTORES, st.booleans(), st.frozensets(_DIGESTS)),
    unique_by=lambda each: (each.host_id, each.datastore_id),
)
_ASKED = st.lists(
    st.builds(Asked, _HOSTS, _COPIES, st.booleans(), st.booleans()),
    unique_by=lambda each: (each.host_id, each.copy),
)
_IMAGES = st.lists(
    st.builds(image, _DIGESTS, st.sampled_from(Replication), st.sampled_from(ImageState)),
    unique_by=lambda each: each.digest,
)


@given(_IMAGES, _SPOTS, st.sets(_DATASTORES), _ASKED, st.integers(0, 5))
def test_deciding_again_after_doing_it_changes_nothing(
    images: list[Image],
    spots: list[Spot],
    image_datastores: set[str],
    asked: list[Asked],
    limit: int,
) -> None:
    copies = wanted(images, spots, image_datastores)
    first = moves(copies, spots, asked, limit)
    after = [each for each in asked if each not in first.withdraw]
    after += [Asked(host_id, copy) for host_id, copy in first.ask]
    again = moves(copies, spots, after, limit)
    assert again.withdraw == ()
    assert again.ask == ()
    active = {each.host_id for each in spots if each.active}
    under_way = [each for each in after if not each.settled and each.host_id in active]
    before = [each for each in asked if not each.settled and each.host_id in active]
    assert len(under_way) <= max(limit, len(before))
    assert len({each.copy for each in after}) == len(after), "nobody copies what another does"
    able = {(each.host_id, each.datastore_id) for each in spots if each.active}
    assert all((host_id, copy.datastore_id) in able for host_id, copy in first.ask)


@given(_IMAGES, _SPOTS, st.sets(_DATASTORES))
def test_once_all_is_settled_everything_that_can_be_copied_was_asked_for(
    images: list[Image], spots: list[Spot], image_datastores: set[str]
) -> None:
    copies = wanted(images, spots, image_datastores)
    asked: list[Asked] = []
    for _ in range(20):
        decided = moves(copies, spots, asked, 1)
        asked += [Asked(host_id, copy, settled=True) for host_id, copy in decided.ask]
    reachable = {each.datastore_id for each in spots if each.active}
    assert {each.copy for each in asked} == {
        copy for copy in copies if copy.datastore_id in reachable
    }
