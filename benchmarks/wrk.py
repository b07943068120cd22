"""Load by ``wrk``, which in one thread asks faster than the controller answers."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

_SCRIPT = """
local paths = {{{paths}}}
local turn = 0
wrk.headers["Authorization"] = "Bearer {token}"
request = function()
  turn = turn % #paths + 1
  return wrk.format("GET", paths[turn])
end
"""
_FORMS = """
local bodies = {{}}
for line in io.lines("{file}") do bodies[#bodies + 1] = line end
local turn = 0
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
request = function()
  turn = turn + 1
  if turn > #bodies then wrk.thread:stop() end
  return wrk.format("POST", "{path}", nil, bodies[turn])
end
"""
_TOTAL = re.compile(r"(\d+) requests in")
_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
_WRONG = re.compile(r"Non-2xx|Socket errors")


@dataclass(frozen=True, slots=True)
class Load:
    """What one run achieved."""

    requests: int
    per_s: float


def get(url: str, paths: Sequence[str], token: str, *, clients: int, seconds: int) -> Load:
    """GET ``paths`` in turn over ``clients`` connections; every answer has to be good."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        listed = ",".join(f'"{path}"' for path in paths)
        script.write(_SCRIPT.format(paths=listed, token=token))
        script.flush()
        return _run(script.name, url, clients, seconds)


def post(url: str, path: str, bodies: Sequence[str], *, clients: int, seconds: int) -> Load:
    """POST forms to ``path``, each body once; there have to be enough of them."""
    with (
        tempfile.NamedTemporaryFile("w", suffix=".txt") as file,
        tempfile.NamedTemporaryFile("w", suffix=".lua") as script,
    ):
        file.write("\n".join(bodies))
        file.flush()
        script.write(_FORMS.format(file=file.name, path=path))
        script.flush()
        return _run(script.name, url, clients, seconds)


def _run(script: str, url: str, clients: int, seconds: int) -> Load:
    command = ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "-s", script, url]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert not _WRONG.search(told), told
    total, rate = _TOTAL.search(told), _RATE.search(told)
    assert total is not None, told
    assert rate is not None, told
    return Load(int(total[1]), float(rate[1]))
