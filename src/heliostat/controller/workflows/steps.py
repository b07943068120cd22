"""What steps share: their ports, and the words for faults that agents report."""

from __future__ import annotations

from typing import cast

from heliostat.agentlink.messages import Fault
from heliostat.controller.workflows.admission import Ports
from heliostat.core.codes import CODES
from heliostat.core.errors import PermanentError
from heliostat.tasks.model import StepContext


def ports_of(ctx: StepContext) -> Ports:
    """The controller's ports, which its task engine was made with."""
    return cast(Ports, ctx.ports)


def text_input(ctx: StepContext, name: str) -> str:
    """A text from the task's input."""
    return str(ctx.task.input[name])


def fault_error(host_id: str, host_name: str, fault: Fault) -> PermanentError:
    """What an agent gave up with, as the error of a step; an unknown code becomes AgentError."""
    code = fault.code if fault.code in CODES else "AgentError"
    known = "" if code == fault.code else f"{fault.code}: "
    message = f"Host {host_name}: {known}{fault.message}"
    return PermanentError(code, message, data={"hostId": host_id})
