"""Whose frames an exception has been through."""

from __future__ import annotations


def frames_of(error: BaseException) -> list[str]:
    """Return the names of the functions in a traceback, the outermost first."""
    names, traceback = [], error.__traceback__
    while traceback is not None:
        names.append(traceback.tb_frame.f_code.co_name)
        traceback = traceback.tb_next
    return names
