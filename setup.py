"""What pyproject.toml cannot say: cffi's builder, how to link, the stable-ABI tag of the wheel."""

import sys
import sysconfig

from setuptools import setup
from setuptools.command.build_ext import build_ext


def stable_abi_tag() -> str | None:
    """The wheel's ABI tag; None where this interpreter has no stable ABI to build against."""
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return None
    # From 3.15 on the file's own name says its platform, and older Pythons do not find it.
    return "cp315" if sys.version_info >= (3, 15) else "cp311"


class BuildExt(build_ext):
    """Links without the builder's own folders: the module needs none, and players lack them."""

    def build_extensions(self) -> None:
        """Leave the run paths out that some interpreters were built with."""
        linker = getattr(self.compiler, "linker_so", None)  # Microsoft's compiler has none
        if linker is not None:
            self.compiler.linker_so = [word for word in linker if "-rpath" not in word]
        super().build_extensions()


tag = stable_abi_tag()
setup(
    cmdclass={"build_ext": BuildExt},
    cffi_modules=["build_ffi.py:ffibuilder"],
    options={"bdist_wheel": {"py_limited_api": tag}} if tag else {},
)
