"""How each program of ours ends: whatever fails is told as number, sentence and hint.

The outermost door.  What is buffered is written in here, too, so that a reader that went
away or a full disk behind standard output doesn't end a run outside of it.
"""

from __future__ import annotations

import os

from heliostat.os.tdnf.errors import ABORTED, UNEXPECTED, TdnfError, system_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from heliostat.os.tdnf.output import Output


def ended(out: Output, doing: str, run: Callable[[], int], *, verbose: bool = False) -> int:
    """The exit code of ``run``, or of what it raised; ``doing`` is the command line."""
    code, failed = 0, None
    try:
        try:
            code = run()
        except TdnfError as error:
            failed = error
        except KeyboardInterrupt:
            failed = TdnfError(ABORTED, "Stopped by the keyboard.")
        except BrokenPipeError:
            raise
        except OSError as error:
            failed = system_error(error, doing)
        except Exception as error:  # also what nobody thought of has a number
            failed = _unexpected(error, out, verbose=verbose)
        if failed is not None:
            code = failed.exit_code
            out.error(failed)
        out.close()
    except BrokenPipeError:
        # who reads has seen enough
        out.abandon()
    except OSError as error:
        out.abandon()
        failed = system_error(error, "Writing what was found")
        code = failed.exit_code
        out.error(failed)
    return code


def _unexpected(error: Exception, out: Output, *, verbose: bool) -> TdnfError:
    import traceback

    if verbose:
        out.warning("".join(traceback.format_exception(error)).rstrip())
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{os.path.basename(place.filename)}, line {place.lineno}"
    return TdnfError(UNEXPECTED, f"tdnf itself failed in {where}: {type(error).__name__}: {error}.")
