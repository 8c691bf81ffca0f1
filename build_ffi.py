"""Builds steamnet._native: hands the marked regions of our C headers to cffi, out of line.

The regions between "cdef: begin" and "cdef: end" are what cffi parses, so the compiler and
Python read the same text. Each row of flat.def becomes a guarded call, named as Valve names
the function, that takes the engine in place of the interface.
"""

import os
import re
import sys
import sysconfig
from pathlib import Path

from cffi import FFI

ROOT = Path(__file__).parent
CSRC = ROOT / "csrc"
REGION = re.compile(r"/\* cdef: begin(?: (\w+=\w+))? \*/(.*?)/\* cdef: end \*/", re.S)
FLAT = re.compile(r"^FLAT\((\w+), (\w+), (.+?), (\w+), (\w+), \((.*)\), (.+)\)$", re.M)
# Where an engine keeps the interface; other interfaces are passed in by the caller.
SELF = {
    "ISteamNetworkingSockets": "sockets",
    "ISteamNetworkingUtils": "utils",
    "ISteamNetworkingMessages": "messages",
    "ISteamMatchmaking": "matchmaking",
    "ISteamFriends": "friends",
    "ISteamUtils": "steam_utils",
    "ISteamApps": "apps",
}
# What stands before and after the call itself, by flat.def's column "gil".
AROUND = {
    "RELEASE_GIL": (
        "            void *python = sn_gil_release();\n",
        "            sn_gil_acquire(python);\n",
    ),
    "C_NUMBERS": (
        "            sn_locale before = sn_locale_c_numbers();\n",
        "            sn_locale_restore(before);\n",
    ),
}


def guarded_calls() -> tuple[str, str]:
    """The declarations and the C source of the calls made from flat.def."""
    declarations, sources = [], []
    for _, gil, result, interface, name, text, default_result in FLAT.findall(
        (CSRC / "flat.def").read_text()
    ):
        if gil == "INTERNAL":
            continue
        parameters = [parameter.strip() for parameter in text.split(",")]
        owner = SELF.get(interface)
        passed = parameters[1:] if owner else parameters
        arguments = [re.split(r"[ *]+", parameter)[-1] for parameter in passed]
        pointer = f"{interface}_{name}"
        arguments = [
            f"sn_visible(engine, {name})" if parameter == f"HSteamNetConnection {name}" else name
            for parameter, name in zip(passed, arguments, strict=True)
        ]
        call = ", ".join([f"engine->{owner}", *arguments] if owner else arguments)
        call = f"engine->flat.{pointer}({call})"
        if gil == "COPY_TEXT":
            passed += ["char *text", "int size"]
            result, default_result = "int", "-1"
            call = f"sn_copy_text({call}, text, size)"
        head = f"{result} {pointer}({', '.join(['sn_engine *engine', *passed])})"
        void = result == "void"
        declarations.append(f"{head};")
        sources.append(
            f"static {head}\n{{\n"
            + ("" if void else f"    {result} answer = {default_result};\n")
            + "    if (sn_enter(engine)) {\n"
            + f"        if (engine->flat.{pointer} != NULL) {{\n"
            + AROUND.get(gil, ("", ""))[0]
            + f"            {'' if void else 'answer = '}{call};\n"
            + AROUND.get(gil, ("", ""))[1]
            + "        }\n        sn_leave(engine);\n    }\n"
            + ("" if void else "    return answer;\n")
            + "}\n"
        )
    return "\n".join(declarations), "\n".join(sources)


def hardening(platform: str) -> tuple[list[str], list[str]]:
    """Arguments for the compiler and the linker: the language, and what holds up an attacker.

    Nothing of that for another system's Windows compiler, nor beside a sanitizer.
    """
    if sys.platform == "win32":
        cet = ["/CETCOMPAT"] if platform == "win-amd64" else []
        return ["/std:c11", "/experimental:c11atomics", "/guard:cf"], ["/guard:cf", *cet]
    language = ["-std=c11", "-fvisibility=hidden", "-g0"]
    if platform.startswith("win") or "-fsanitize" in os.environ.get("STEAMNET_CFLAGS", ""):
        return language, []
    compiler = [*language, "-fstack-protector-strong", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"]
    if not platform.startswith("linux"):
        return compiler, ["-Wl,-x"]
    if platform.endswith("x86_64"):
        compiler.append("-fcf-protection=full")
    elif platform.endswith("aarch64"):
        compiler.append("-mbranch-protection=standard")
    # All symbols are found at load: a call of Python needs no stub that could find it later.
    return [*compiler, "-fno-plt"], ["-Wl,-z,relro,-z,now", "-Wl,-s"]


def make() -> FFI:
    """Cffi's builder; setup.py finds it as ``ffibuilder``."""
    ffi = FFI()
    headers = ("valve_constants.h", "valve.h", "valve_lobbies.h", "steamnet.h")
    for header in (*headers, "platform/platform.h"):
        for layout, region in REGION.findall((CSRC / header).read_text()):
            if layout == "layout=compiler":  # cffi knows no packing of 4, but can ask the compiler
                region = region.replace("}", "...; }")
            ffi.cdef(region, pack=1 if layout == "pack=1" else None)
    declarations, sources = guarded_calls()
    ffi.cdef(declarations)
    version: dict[str, str] = {}
    exec((ROOT / "steamnet" / "_version.py").read_text(), version)
    # Of what is built for: who cross-compiles tells it in _PYTHON_HOST_PLATFORM.
    platform = sysconfig.get_platform()
    windows = platform.startswith("win")
    free_threaded = sysconfig.get_config_var("Py_GIL_DISABLED")
    ffi.set_source(
        "steamnet._native",
        # Calls keep Python's lock: the short ones are over before another thread could take
        # it, the slow ones release it themselves (docs/threading.md).
        "#include <Python.h>\n"
        "#undef Py_BEGIN_ALLOW_THREADS\n#undef Py_END_ALLOW_THREADS\n"
        "#define Py_BEGIN_ALLOW_THREADS {\n#define Py_END_ALLOW_THREADS }\n"
        # module.c wraps cffi's init to add the message type and the hot calls.
        "#define PyInit__native sn_cffi_init\n"
        "#undef PyMODINIT_FUNC\n#define PyMODINIT_FUNC PyObject *\n"  # and is not exported:
        '#ifdef __GNUC__\n__attribute__((visibility("hidden"))) PyObject *sn_cffi_init(void);\n'
        "#endif\n"
        f'#include "guard.h"\n#include "platform/platform.h"\n\n{sources}',
        sources=sorted(str(path.relative_to(ROOT)) for path in CSRC.rglob("*.c")),
        depends=sorted(str(path.relative_to(ROOT)) for path in CSRC.rglob("*.[hd]*")),
        include_dirs=[str(CSRC)],
        define_macros=[
            # Free-threaded Pythons before 3.15 have no limited API, and 3.15's has no structs of
            # Python's objects, which ours begin with.
            ("SN_FREE_THREADED", "1") if free_threaded else ("Py_LIMITED_API", "0x030b0000"),
            ("SN_VERSION", f'"{version["__version__"]}"'),
            *([("_CRT_SECURE_NO_WARNINGS", "1")] if windows else [("_GNU_SOURCE", "1")]),
        ],
        # cffi takes 3.15's where it is not told otherwise, and defines its macro even then.
        **({"py_limited_api": False, "undef_macros": ["Py_TARGET_ABI3T"]} if free_threaded else {}),
        libraries=["advapi32"]
        if windows
        else ["dl", "pthread"]
        if platform.startswith("linux")
        else [],
        extra_compile_args=[
            *hardening(platform)[0],
            *os.environ.get("STEAMNET_CFLAGS", "").split(),
        ],
        extra_link_args=hardening(platform)[1],
    )
    return ffi


ffibuilder = make()

if __name__ == "__main__":
    ffibuilder.compile(verbose=True)
