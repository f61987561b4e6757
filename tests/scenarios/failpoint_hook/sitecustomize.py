"""Kills a process of ours where it comes to a place of its code.

Python imports this at its start when this folder is on PYTHONPATH. FAILPOINT is ``before`` or ``after``, and a function
by its name: ``after sitemon.alert.outlets:post``.
"""

import functools
import os
import pkgutil
import re
import signal
from typing import Any

_when, _name = os.environ["FAILPOINT"].split()
_place, _attribute = re.fullmatch(r"(.+)[:.](\w+)", _name).groups()  # type: ignore[union-attr]
_owner = pkgutil.resolve_name(_place)
_function = getattr(_owner, _attribute)


@functools.wraps(_function)
def _fails(*arguments: Any, **named: Any) -> Any:
    if _when == "after":
        _function(*arguments, **named)
    os.kill(os.getpid(), signal.SIGKILL)


setattr(_owner, _attribute, _fails)
