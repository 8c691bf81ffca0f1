"""What pyproject.toml cannot say: cffi's builder, the linker, the wheel's tag, the package page."""

import sys
import sysconfig
from pathlib import Path

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


sys.path.insert(0, str(Path(__file__).parent / "wheelhouse-config"))
from description import description  # noqa: E402  # found by the path above

version: dict[str, str] = {}
exec((Path(__file__).parent / "steamnet" / "_version.py").read_text(encoding="utf-8"), version)
tag = stable_abi_tag()
setup(
    cmdclass={"build_ext": BuildExt},
    cffi_modules=["build_ffi.py:ffibuilder"],
    long_description=description(version["__version__"]),
    long_description_content_type="text/markdown",
    options={"bdist_wheel": {"py_limited_api": tag}} if tag else {},
)
