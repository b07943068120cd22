"""Passwords that attackers try first: known by rules, and by a short list of our own.  Pure.

A word with digits and signs around it is that word, also in the usual disguise (``P@ssw0rd!``).
Walks over a keyboard, counting, repetitions and short numbers are found by how they go on, so
that no list has to hold them.  Where Debian's word list is installed, its words count, too.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterable
from pathlib import Path

DICTIONARIES = (Path("/usr/share/dict/words"), Path("/usr/share/dict/cracklib-small"))
WORDS = frozenset(
    """
    password passwort passe passwd pass pwd secret geheim letmein letmeinnow welcome
    willkommen bienvenue hello hallo bonjour changeme change default login logon signin admin
    administrator root toor user guest test testing tester temp temporary master system
    service server manager support office company internet network computer laptop iloveyou
    loveyou lovely sunshine princess princesa football fussball soccer baseball basketball
    hockey superman batman spiderman pokemon starwars startrek matrix dragon monkey shadow
    killer hunter ranger eagle tiger lion panther falcon wolf bear horse kitty kitten puppy
    buddy charlie michael michelle jennifer jessica jordan thomas robert daniel andrew joshua
    matthew anthony william samantha amanda ashley nicole hannah george maggie ginger pepper
    cookie cheese chocolate banana orange summer sommer winter spring fruehling autumn herbst
    fall january february march april may june july august september october november december
    monday tuesday wednesday thursday friday saturday sunday whatever freedom trustno trustme
    fuckyou asshole mustang corvette mercedes porsche ferrari maverick phoenix access abcabc
    google facebook samsung apple android microsoft windows linux debian ubuntu vmware photon
    esxcloud lightwave heliostat helio cloud private qwertz azerty diamond silver golden
    purple yellow flower angel heaven jesus christ blessed family mother father sister brother
    """.split()  # noqa: SIM905 - two hundred lines otherwise
)
_DISGUISE = str.maketrans("4@831!05$7+92", "aabeiiosstt" + "gz")
_ROWS = (
    "`1234567890-=", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./",
    "qwertzuiop", "yxcvbnm", "azertyuiop", "qsdfghjklm", "wxcvbn",
)  # fmt: skip
_COLUMNS = ("1qaz", "2wsx", "3edc", "4rfv", "5tgb", "6yhn", "7ujm", "8ik,", "9ol.", "0p;/", "1yxq")
FEWEST_STEPS = 4
"""A password of fewer runs and single characters than this is walked or counted, not chosen."""
SHORT_NUMBER = 12
SHORT_WORD = 4


def why_common(password: str, names: Iterable[str], own_words: Iterable[str]) -> str:
    """Why a password is among the first guesses, as the end of a sentence; empty if it is not.

    ``names`` are what it is for: the person, the domain and its parts.
    """
    folded = password.casefold()
    if folded.isdigit() and len(folded) < SHORT_NUMBER:
        return "is a short number"
    if _unit(folded) <= SHORT_WORD:
        return "repeats a few characters"
    if len(_runs(folded)) < FEWEST_STEPS:
        return "is a walk over the keyboard, or counts"
    cores = _cores(folded)
    if cores & WORDS:
        return "is on the list of common passwords"
    if cores & {word.casefold() for word in own_words}:
        return "is on the list of words that are refused here"
    if cores & {name.casefold() for name in names if len(name) >= SHORT_WORD}:
        return "is a name of the user, or of what it is for"
    if any(_in_dictionary(core) for core in sorted(cores)):
        return "is a word of the dictionary"
    return ""


def _cores(folded: str) -> set[str]:
    """What is left without digits and signs around, plain and with disguises taken off."""
    found = set()
    for text in (
        folded,
        folded.translate(_DISGUISE),
        folded.translate(_DISGUISE).replace("i", "l"),
    ):
        found.add(_letters(text))
        found.add(_letters(re.sub(r"[\W\d_]+$", "", folded).translate(_DISGUISE)))
    return {core for core in found if core}


def _letters(text: str) -> str:
    return re.sub(r"^[\W\d_]+|[\W\d_]+$", "", text)


def _unit(text: str) -> int:
    """Length of what ``text`` is a repetition of; its own length where it is none."""
    return (text + text).find(text, 1)


def _runs(text: str) -> list[str]:
    """``text`` cut where one character does not follow from the one before."""
    runs: list[str] = []
    for char in text:
        if runs and _follows(runs[-1][-1], char):
            runs[-1] += char
        else:
            runs.append(char)
    return runs


def _follows(before: str, after: str) -> bool:
    if abs(ord(before) - ord(after)) <= 1:
        return True
    pairs = (before + after, after + before)
    return any(pair in row for pair in pairs for row in (*_ROWS, *_COLUMNS))


def _in_dictionary(word: str) -> bool:
    """Looked up in the file, so that no process holds a hundred thousand words."""
    if len(word) < SHORT_WORD or not word.isalpha() or not word.isascii():
        return False
    for path in DICTIONARIES:
        try:
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as words:
                if words.find(b"\n" + word.encode() + b"\n") >= 0:
                    return True
        except (OSError, ValueError):
            continue  # not installed, or empty
    return False
