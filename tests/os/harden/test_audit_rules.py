"""Rules and exceptions are data: what is wrong with a file is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.os.harden.checks import CHECKS
from heliostat.os.harden.exemptions import load_exemptions
from heliostat.os.harden.rules import Rule, chosen, load_rules

RULE = "rules:\n  - id: a\n    title: A\n    remediation: Mend it.\n"


def refused(folder: Path, text: str, name: str = "1.yaml") -> str:
    (folder / name).write_text(text)
    read = load_exemptions if name == "exceptions.yaml" else load_rules
    with pytest.raises(HeliostatError) as caught:
        read(folder)
    assert caught.value.code == "InvalidSetting"
    return caught.value.message


def test_the_shipped_rules_load_and_name_their_exceptions() -> None:
    rules = load_rules()
    names = {rule.id for rule in rules}
    assert len(rules) > 60
    assert all(rule.remediation and rule.title for rule in rules)
    assert {each.rule for each in load_exemptions()} <= names


def test_items_of_standards_are_in_the_order_of_their_numbers_and_named_once() -> None:
    """Those of a wrong form are refused; what can't be in their standards stands out here."""
    for rule in load_rules():
        standards = rule.standards
        for items in (standards.cis, standards.stig, standards.pci_dss):
            assert len(set(items)) == len(items), rule.id
        for items, sections in ((standards.cis, SECTIONS), (standards.pci_dss, REQUIREMENTS)):
            numbers = [tuple(map(int, item.split("."))) for item in items]
            assert numbers == sorted(numbers), rule.id
            assert all(sections.get((each[0], each[1]), 0) >= each[2] for each in numbers), rule.id


# How many there are in each section of the CIS Debian Linux 13 Benchmark that a rule names.
SECTIONS = {
    (1, 1): 2,
    (1, 2): 2,
    (1, 4): 2,
    (1, 5): 13,
    (1, 6): 6,
    (2, 1): 23,
    (2, 2): 6,
    (2, 4): 2,
    (3, 3): 2,
    (4, 1): 5,
    (5, 1): 23,
    (5, 2): 7,
    (5, 3): 3,
    (5, 4): 3,
    (6, 1): 2,
    (6, 2): 4,
    (7, 1): 13,
    (7, 2): 10,
}

# The same of the requirements of PCI DSS 4.0.1.
REQUIREMENTS = {
    (1, 2): 8,
    (1, 3): 3,
    (1, 4): 5,
    (2, 2): 7,
    (6, 3): 3,
    (7, 3): 3,
    (8, 2): 8,
    (8, 3): 11,
    (8, 6): 3,
    (10, 2): 2,
    (10, 3): 4,
    (10, 6): 3,
}


@pytest.mark.parametrize("rule", ["elf-pie", "packages-signed", "certificates", "files-unowned"])
def test_a_rule_that_no_requirement_asks_for_names_none(rule: str) -> None:
    """6.2.4 is for software of one's own, 6.3.3 for patches, 4.2.1 and 11.5.2 for operation."""
    (found,) = chosen(load_rules(), [rule])
    assert found.standards.pci_dss == ()


def test_every_kind_of_check_has_a_rule() -> None:
    used = {kind for rule in load_rules() for kind in rule.kinds}
    assert used == set(CHECKS)
    assert set(CHECKS) <= set(Rule.__struct_fields__)


def test_an_unknown_check_names_the_nearest(tmp_path: Path) -> None:
    told = refused(tmp_path, RULE + "    sysctls: {settings: {}}\n")
    assert "1.yaml:5" in told
    assert "did you mean 'sysctl'?" in told


def test_a_wrong_parameter_names_its_line(tmp_path: Path) -> None:
    told = refused(tmp_path, RULE + "    elf:\n      property: pies\n")
    assert "1.yaml:6" in told
    assert "pies" in told


@pytest.mark.parametrize(
    ("check", "told"),
    [
        ("lines: {files: [/x], wants: ['(']}", "no regular expression"),
        ("modes: {/x: {mode: '09'}}", "'09' is no mode"),
        ("set_id: {allowed: {/x: rwx}}", "'rwx' is no mode"),
        ("sysctl: {settings: {a: '<= many'}}", "'<= many' has no number"),
        ("settings: {file: /x, values: {a: [b, mask 9]}}", "'mask 9' has no number"),
        ("lines: {files: [/x], sections: ['(']}", "no regular expression"),
        ("standards: {cis: [5.01.1]}", "'5.01.1' is no item of cis"),
        ("standards: {cis: [8.1.1]}", "'8.1.1' is no item of cis"),
        ("standards: {stig: [SRG-OS-48]}", "is no item of stig"),
        ("standards: {pci_dss: [13.1.1]}", "is no item of pci_dss"),
    ],
)
def test_a_parameter_without_sense_names_its_line(tmp_path: Path, check: str, told: str) -> None:
    message = refused(tmp_path, RULE + f"    {check}\n")
    assert "1.yaml:5" in message
    assert told in message


@pytest.mark.parametrize("checks", ["", "    owners: {}\n    unowned: {}\n"])
def test_a_rule_has_one_check(tmp_path: Path, checks: str) -> None:
    assert "needs one check" in refused(tmp_path, RULE + checks)


def test_two_rules_of_one_name(tmp_path: Path) -> None:
    (tmp_path / "0.yaml").write_text(RULE + "    owners: {}\n")
    assert "'a' is there twice" in refused(tmp_path, RULE + "    owners: {}\n")


def test_a_folder_without_rules(tmp_path: Path) -> None:
    with pytest.raises(HeliostatError, match="no rules"):
        load_rules(tmp_path)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{rule: a, until: 2027-01-01}", "'reason' is missing"),
        ("{rule: a, reason: x}", "'until' is missing"),
        ("{rule: a, reason: x, until: soon}", "exceptions.yaml:2"),
    ],
)
def test_an_exception_needs_reason_and_day(tmp_path: Path, line: str, told: str) -> None:
    (tmp_path / "1.yaml").write_text(RULE + "    owners: {}\n")
    assert told in refused(tmp_path, f"exceptions:\n  - {line}\n", "exceptions.yaml")


def test_an_exception_for_a_rule_that_is_not_there_tells_the_nearest(tmp_path: Path) -> None:
    line = "{rule: elf-pi, reason: x, until: 2027-01-01}"
    (tmp_path / "exceptions.yaml").write_text(f"exceptions: [{line}]\n")
    with pytest.raises(HeliostatError, match="'elf-pi', which isn't there; did you mean 'elf-pie'"):
        load_exemptions(tmp_path, {"elf-pie", "firewall"})
    assert len(load_exemptions(tmp_path, {"elf-pi"})) == 1


def test_rules_are_chosen_by_name() -> None:
    rules = load_rules()
    assert [rule.id for rule in chosen(rules, ["elf-pie"])] == ["elf-pie"]
    assert chosen(rules, []) == rules
    with pytest.raises(HeliostatError, match="did you mean 'elf-pie'"):
        chosen(rules, ["elf-pi"])
