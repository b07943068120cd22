"""What is printed for people, as strings."""

from __future__ import annotations

from heliostat.cli import text

ID = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
ROWS = [("ID", "NAME", "PURPOSE"), (ID, "audit", "Seal new audit records and forget old ones.")]


def test_columns_that_fit_are_as_wide_as_they_like() -> None:
    assert text.widths(ROWS, 200) == [36, 5, 43]


def test_words_give_way_before_ids_are_broken() -> None:
    widths = text.widths(ROWS, 80)
    assert widths[:2] == [36, 5]
    assert text.line_width(widths) == 80


def test_ids_stay_whole_where_nothing_fits() -> None:
    assert text.widths(ROWS, 40) == [36, 5, 43]


def test_a_price_reads_like_what_is_typed() -> None:
    assert text.cell({"key": "vm.memory", "value": 1.5, "unit": "GB"}) == "vm.memory 1.5 GB"


def test_sizes_inside_of_lists_are_sizes_too() -> None:
    assert text.cell([{"name": "local", "freeBytes": 3 << 30}]) == "name=local, freeBytes=3.0 GiB"


def test_documents_inside_of_lists_are_for_json() -> None:
    key = {"id": "J05v", "publicKeyPem": "-----BEGIN PUBLIC KEY-----\nMFkw\n", "title": "ci"}
    assert text.cell([key]) == "id=J05v, title=ci"
    assert text.cell(key["publicKeyPem"]) == key["publicKeyPem"]
