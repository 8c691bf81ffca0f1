"""Try the installed wheel as a game would; cibuildwheel and verify_wheel.py run this."""

import importlib.metadata
import subprocess
import sys
import sysconfig
from pathlib import Path

import steamnet
from steamnet import _native

HERE = Path(__file__).parent


def main() -> None:
    """Look at what was installed, then let two processes talk."""
    package = Path(steamnet.__file__).parent
    installed = Path(sysconfig.get_path("platlib")).resolve()
    assert package.resolve().parent == installed, f"{package} is not what was installed"
    assert steamnet.__version__ == importlib.metadata.version("steamnet")

    free_threaded = sysconfig.get_config_var("Py_GIL_DISABLED")
    stable = "_native.pyd" if sys.platform == "win32" else "_native.abi3.so"
    own = f"_native{sysconfig.get_config_var('EXT_SUFFIX')}"
    native = Path(_native.__file__)
    assert native.name == (own if free_threaded else stable), native

    if free_threaded:
        assert not sys._is_gil_enabled(), "importing steamnet has switched Python's lock on"

    files = {file.name for file in importlib.metadata.files("steamnet") or ()}
    assert {"py.typed", "_native.pyi", "LICENSE"} <= files, files
    compiled = {name for name in files if Path(name).suffix in {".so", ".pyd", ".dll", ".dylib"}}
    assert compiled == {native.name}, f"a foreign library is inside: {compiled}"

    subprocess.run([sys.executable, HERE / "smoke_two_processes.py"], check=True, timeout=60)
    print(f"test_wheel: steamnet {steamnet.__version__} works on {sys.version.split()[0]}")


if __name__ == "__main__":
    main()
