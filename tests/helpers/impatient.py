"""Run a program that gives up soon: ``impatient.py NAME=VALUE [-m MODULE | EXAMPLE] ARGUMENT ...``.

NAME is a config value that its engine gets; an example looks for a game for a second.
"""

import importlib
import os
import runpy
import sys
from typing import Any

from steamnet import ConfigValue, Steam

_begin = Steam.__init__


def _begin_impatiently(self: Steam, *args: Any, **options: Any) -> None:
    _begin(self, *args, **options)
    self.networking_utils.set_config_value(ConfigValue[NAME], int(VALUE))


if __name__ == "__main__":
    NAME, VALUE = sys.argv[1].split("=")
    Steam.__init__ = _begin_impatiently  # type: ignore[method-assign]
    del sys.argv[:2]
    if sys.argv[0] == "-m":
        del sys.argv[0]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, os.path.dirname(sys.argv[0]))
        importlib.import_module("finding").PATIENCE = 1
        runpy.run_path(sys.argv[0], run_name="__main__")
