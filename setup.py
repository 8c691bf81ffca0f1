"""What pyproject.toml cannot say: the cffi builder, and the stable-ABI tag of the wheel."""

import sys
import sysconfig

from setuptools import setup


def stable_abi_tag() -> str | None:
    """The wheel's ABI tag; None where this interpreter has no stable ABI to build against."""
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return None
    # From 3.15 on the file's own name says its platform, and older Pythons do not find it.
    return "cp315" if sys.version_info >= (3, 15) else "cp311"


tag = stable_abi_tag()
setup(
    cffi_modules=["build_ffi.py:ffibuilder"],
    options={"bdist_wheel": {"py_limited_api": tag}} if tag else {},
)
