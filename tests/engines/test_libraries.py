"""The search for an engine's library, and what a file's header says against it."""

import os
import shutil
import struct
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

import steamnet
from steamnet import _native
from steamnet.libraries import Host, candidates, describe, file_name

# What this system makes of the paths that no test needs to be there.
IN_PACKAGE = os.path.join("/package", "libsteam_api.so")


def host(system: str = "linux", machine: str = "x86-64", **changes: object) -> Host:
    """Return a host on which nothing of this process shows through."""
    settings: dict[str, Any] = {
        "program": [],
        "unpacked": None,
        "package": "/package",
        "companion": None,
        "environment": {},
    }
    return Host(system=system, machine=machine, **{**settings, **changes})


def elf(machine: int = 62, order: str = "<") -> bytes:
    """Return the beginning of a shared library for Linux."""
    head = b"\x7fELF" + bytes([2, 1 if order == "<" else 2, 1]) + bytes(9)
    return head + struct.pack(f"{order}HH", 3, machine) + bytes(44)


def pe(machine: int = 0x8664) -> bytes:
    """Return the beginning of a DLL for Windows."""
    return (
        b"MZ"
        + bytes(58)
        + struct.pack("<I", 128)
        + bytes(64)
        + b"PE\0\0"
        + struct.pack("<H", machine)
    )


def mach(*machines: int) -> bytes:
    """Return the beginning of a library for macOS: of one processor, or a universal one."""
    if len(machines) == 1:
        return struct.pack("<II", 0xFEEDFACF, machines[0]) + bytes(24)
    slices = b"".join(struct.pack(">IIIII", machine, 0, 0, 0, 0) for machine in machines)
    return struct.pack(">II", 0xCAFEBABE, len(machines)) + slices


class TestSearch:
    """Where a library is looked for, and in which order."""

    def test_a_given_path_is_the_only_candidate(self, tmp_path: Path) -> None:
        """An explicit path wins over the environment, and nothing else is tried."""
        here = host(environment={"STEAMNET_LIBRARY": "/elsewhere.so"}, program=["/game/run.py"])
        assert candidates("steam", tmp_path / "my.so", host=here) == [str(tmp_path / "my.so")]

    def test_the_environment_is_the_only_candidate(self) -> None:
        """STEAMNET_LIBRARY replaces the search."""
        elsewhere = os.path.abspath("/elsewhere.so")
        here = host(environment={"STEAMNET_LIBRARY": elsewhere}, program=["/game/run.py"])
        assert candidates("gns", host=here) == [elsewhere]

    def test_an_empty_variable_is_none(self) -> None:
        """An empty STEAMNET_LIBRARY means the search, not the current directory."""
        here = host(environment={"STEAMNET_LIBRARY": ""})
        assert candidates("steam", host=here) == [IN_PACKAGE]

    def test_the_programs_folder_comes_first_then_the_sdk_below_it_then_the_package(
        self, tmp_path: Path
    ) -> None:
        """The documented order for Steam on Linux."""
        here = host(program=[str(tmp_path / "run.py")])
        assert candidates("steam", host=here) == [
            str(tmp_path / "libsteam_api.so"),
            str(tmp_path / "redistributable_bin/linux64/libsteam_api.so"),
            str(tmp_path / "sdk/redistributable_bin/linux64/libsteam_api.so"),
            IN_PACKAGE,
        ]

    @pytest.mark.parametrize(
        ("system", "machine", "folder", "name"),
        [
            ("linux", "x86", "linux32", "libsteam_api.so"),
            ("linux", "ARM64", "linuxarm64", "libsteam_api.so"),
            ("darwin", "x86-64", "osx", "libsteam_api.dylib"),
            ("darwin", "ARM64", "osx", "libsteam_api.dylib"),
            ("win32", "x86-64", "win64", "steam_api64.dll"),
        ],
    )
    def test_each_platform_has_its_name_and_its_place_in_the_sdk(
        self, tmp_path: Path, system: str, machine: str, folder: str, name: str
    ) -> None:
        """Valve's names, in Valve's folders."""
        here = host(system, machine, program=[str(tmp_path / "run.py")])
        assert str(tmp_path / "redistributable_bin" / folder / name) in candidates(
            "steam", host=here
        )
        assert file_name("steam", host=here) == name

    def test_gns_is_also_the_system_loaders_to_find_on_linux(self) -> None:
        """Plain names come last, Debian's own among them."""
        found = candidates("gns", host=host())
        assert found[-3:] == [
            "libGameNetworkingSockets.so",
            "libGameNetworkingSockets.so.1",
            "libGameNetworkingSockets.so.1debian1",
        ]
        assert all(os.path.isabs(path) for path in found[:-3])

    @pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
    def test_steamnet_gns_comes_after_the_programs_folder_and_before_the_systems(
        self, tmp_path: Path, system: str
    ) -> None:
        """What is laid beside a game wins over the companion, and that over what else is there."""
        folder = os.path.join("/site", "steamnet_gns")
        here = host(system, program=[str(tmp_path / "run.py")], companion=folder)
        found = candidates("gns", host=here)
        own, companion = (
            [index for index, path in enumerate(found) if os.path.dirname(path) == place]
            for place in (str(tmp_path), folder)
        )
        alone = candidates("gns", host=host(system, program=[str(tmp_path / "run.py")]))
        assert max(own) < min(companion)
        assert os.path.join(folder, file_name("gns", host=here)) in found
        assert [path for path in found if os.path.dirname(path) != folder] == alone
        last_of_ours = found.index(os.path.join("/package", file_name("gns", host=here)))
        assert last_of_ours < min(companion)
        assert max(companion) + 1 == len(found) or max(companion) < len(found) - 1
        assert not any(folder in path for path in candidates("steam", host=here))

    @pytest.mark.parametrize("made_of", ["package", "folder", "nothing"])
    def test_the_companion_is_what_python_imports(self, tmp_path: Path, made_of: str) -> None:
        """An installed package is named among what was tried; a mere folder is none."""
        if made_of != "nothing":
            (tmp_path / "steamnet_gns").mkdir()
            (tmp_path / "steamnet_gns" / file_name("gns")).touch()
        if made_of == "package":
            (tmp_path / "steamnet_gns" / "__init__.py").touch()
        script = tmp_path / "elsewhere" / "game.py"
        script.parent.mkdir()
        script.write_text(
            f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\n"
            "import steamnet\n"
            "try:\n    steamnet.init(engine='gns').shutdown()\n"
            "except steamnet.InitError as error:\n    print(*error.tried, sep='\\n')\n"
        )
        clean = {k: v for k, v in os.environ.items() if k != "STEAMNET_LIBRARY"}
        done = subprocess.run(
            [sys.executable, script], env=clean, capture_output=True, text=True, timeout=60
        )
        assert done.stderr == ""
        companion = str(tmp_path / "steamnet_gns" / file_name("gns"))
        reason = f"{companion}: not a shared library"
        assert (reason in done.stdout.splitlines()) == (made_of == "package")
        assert (companion in done.stdout) == (made_of == "package")

    def test_macos_is_never_given_a_plain_name(self) -> None:
        """The loader of macOS would look in the current directory for one."""
        found = candidates("gns", host=host("darwin", "ARM64"))
        assert os.path.join("/opt/homebrew/lib", "libGameNetworkingSockets.dylib") in found
        assert all(os.path.isabs(path) for path in found)

    def test_a_frozen_programs_unpacked_folder_is_searched(self, tmp_path: Path) -> None:
        """PyInstaller unpacks a one-file program elsewhere than the program."""
        here = host(program=["/game/run"], unpacked=str(tmp_path))
        assert str(tmp_path / "libsteam_api.so") in candidates("steam", host=here)

    @pytest.mark.parametrize("program", ["-c", "", "run.py", "-m"])
    def test_a_relative_program_never_means_the_current_directory(self, program: str) -> None:
        """Whatever argv says, no candidate lies in the current directory."""
        found = candidates("steam", host=host(program=[program]))
        assert found == [IN_PACKAGE]

    def test_a_program_in_an_archive_has_the_archives_folder(self, tmp_path: Path) -> None:
        """A zipapp's library lies beside the zipapp."""
        (tmp_path / "game.pyz").write_bytes(b"")
        here = host(program=[str(tmp_path / "game.pyz" / "pkg" / "__main__.py")])
        assert candidates("steam", host=here)[0] == str(tmp_path / "libsteam_api.so")

    def test_a_link_to_the_program_means_the_programs_folder(self, tmp_path: Path) -> None:
        """Python itself resolves the script's links for its path."""
        (tmp_path / "real").mkdir()
        (tmp_path / "real" / "run.py").touch()
        (tmp_path / "link.py").symlink_to(tmp_path / "real" / "run.py")
        if not (tmp_path / "link.py").is_symlink():
            pytest.skip("Wine makes no links")
        found = candidates("steam", host=host(program=[str(tmp_path / "link.py")]))
        assert found[0] == str(tmp_path / "real/libsteam_api.so")

    def test_a_script_finds_its_own_folder_whatever_the_current_one(self, tmp_path: Path) -> None:
        """The real surroundings: a script run from elsewhere by a relative path."""
        (tmp_path / "game").mkdir()
        script = tmp_path / "game" / "run.py"
        script.write_text(
            "from steamnet.libraries import candidates\nprint(*candidates('steam'))\n"
        )
        clean = {k: v for k, v in os.environ.items() if k != "STEAMNET_LIBRARY"}
        for arguments in (["game/run.py"], ["-c", script.read_text()]):
            found = subprocess.run(
                [sys.executable, *arguments],
                cwd=tmp_path,
                env=clean,
                check=True,
                capture_output=True,
                text=True,
            ).stdout.split()
            assert (found[0] == str(script.parent / file_name("steam"))) == (len(arguments) == 1)
            assert str(tmp_path / file_name("steam")) not in found

    @pytest.mark.skipif(sys.platform != "linux", reason="names a library of Linux")
    def test_attaching_prefers_the_copy_that_the_process_has_loaded(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Another binding's Steam lives in the library that it has loaded, and nowhere else."""
        import steamnet.libraries as module

        monkeypatch.setitem(module._NAMES, ("steam", "linux"), ["libc.so.6"])
        first = candidates("steam", attach=True, host=host())[0]
        assert os.path.basename(first) == "libc.so.6"
        assert os.path.isfile(first)

    @pytest.mark.parametrize(
        "name",
        [
            "libsteam_api-1a2b3c4d.so" if sys.platform == "linux" else "steam_api64-1a2b3c4d.dll",
            "libsteam_api-0f.so.1" if sys.platform == "linux" else "STEAM_API64-0F.DLL",
            file_name("steam"),
        ],
    )
    @pytest.mark.skipif(sys.platform == "darwin", reason="nothing renames libraries there")
    def test_attaching_finds_a_library_that_a_wheel_has_renamed(
        self, tmp_path: Path, name: str
    ) -> None:
        """Auditwheel and delvewheel put a hash into the name; the error names what is loaded."""
        for folder, file in (("theirs", name), ("other", "libsteamwork.so")):
            (tmp_path / folder).mkdir()
            shutil.copy(_native.__file__, tmp_path / folder / file)
        program = f"""
            import ctypes, steamnet
            from steamnet.libraries import candidates
            try:
                steamnet.init(engine="steam", attach=True)
            except steamnet.InitError as error:
                assert "no library with steam in its name" in str(error), error
            other = ctypes.PyDLL({str(tmp_path / "other" / "libsteamwork.so")!r})
            theirs = ctypes.PyDLL({str(tmp_path / "theirs" / name)!r})
            print(candidates("steam", attach=True)[0])
            try:
                steamnet.init(engine="steam", attach=True)
            except steamnet.InitError as error:
                assert "This process has loaded: " in str(error), error
                print(error)
        """
        clean = {k: v for k, v in os.environ.items() if k != "STEAMNET_LIBRARY"}
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program)],
            capture_output=True,
            text=True,
            env=clean,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        first, *words = done.stdout.splitlines()
        assert first == str(tmp_path / "theirs" / name)
        loaded = next(line for line in words if "This process has loaded: " in line)
        assert first in loaded
        assert str(tmp_path / "other" / "libsteamwork.so") in loaded


class TestHeaders:
    """Reasons in plain words, before the system's loader says something obscure."""

    def reason(self, tmp_path: Path, content: bytes, here: Host) -> str | None:
        """Return what is said against a file of this content."""
        (tmp_path / "library").write_bytes(content)
        return describe(str(tmp_path / "library"), host=here)

    @pytest.mark.parametrize(
        ("content", "system", "machine"),
        [
            (elf(62), "linux", "x86-64"),
            (elf(183), "linux", "ARM64"),
            (elf(3), "linux", "x86"),
            (pe(0x8664), "win32", "x86-64"),
            (pe(0xAA64), "win32", "ARM64"),
            (mach(0x01000007), "darwin", "x86-64"),
            (mach(7, 0x01000007, 0x0100000C), "darwin", "ARM64"),
        ],
    )
    def test_a_fitting_library_is_plausible(
        self, tmp_path: Path, content: bytes, system: str, machine: str
    ) -> None:
        """Nothing is said against the right format for the right processor."""
        assert self.reason(tmp_path, content, host(system, machine)) is None

    @pytest.mark.parametrize(
        ("content", "system", "reason"),
        [
            (elf(3), "linux", "a 32-bit x86 ELF library; this Python is 64-bit x86-64"),
            (elf(183), "linux", "a 64-bit ARM64 ELF library; this Python is 64-bit x86-64"),
            (elf(183, ">"), "linux", "a 64-bit ARM64 ELF library; this Python is 64-bit x86-64"),
            (pe(0x14C), "win32", "a 32-bit x86 PE library; this Python is 64-bit x86-64"),
            (
                mach(7, 0x0100000C),
                "darwin",
                "a 32-bit x86 and 64-bit ARM64 Mach-O library; this Python is 64-bit x86-64",
            ),
            (pe(), "linux", "a library for Windows (PE); this Python runs on Linux"),
            (mach(0x01000007), "linux", "a library for macOS (Mach-O); this Python runs on Linux"),
            (elf(), "win32", "a library for Linux (ELF); this Python runs on Windows"),
            (b"", "linux", "not a shared library"),
            (b"the pointer that a checkout without LFS leaves\n", "linux", "not a shared library"),
            (b"MZ" + bytes(62), "win32", "not a shared library"),
            (b"\x7fELF", "linux", "not a shared library"),
            (b"\xca\xfe\xba\xbe\0\0\0\x41", "darwin", "not a shared library"),
        ],
    )
    def test_a_wrong_file_is_named_as_what_it_is(
        self, tmp_path: Path, content: bytes, system: str, reason: str
    ) -> None:
        """Wrong processor, wrong system, no library at all."""
        assert self.reason(tmp_path, content, host(system)) == reason

    def test_an_absent_file_is_not_found(self, tmp_path: Path) -> None:
        """The commonest of all reasons."""
        assert describe(str(tmp_path / "absent.so")) == "not found"

    def test_a_folder_is_no_library(self, tmp_path: Path) -> None:
        """A folder's path given for the library's is said to be one."""
        assert "directory" in (describe(str(tmp_path)) or "") or sys.platform == "win32"

    def test_the_loaders_names_are_left_to_the_loader(self) -> None:
        """A name without a folder cannot be read here."""
        assert describe("libGameNetworkingSockets.so") is None

    def test_this_pythons_own_library_is_plausible(self) -> None:
        """The header reader agrees with this system about a library that is loaded."""
        assert describe(_native.__file__) is None

    @pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the loader sees it")
    @pytest.mark.parametrize("share", [0.0005, 0.01, 0.5])
    def test_a_file_cut_short(self, tmp_path: Path, share: float) -> None:
        """A download that broke off is refused, and does not end the process."""
        whole = Path(_native.__file__).read_bytes()
        path = tmp_path / "cut.so"
        path.write_bytes(whole[: int(len(whole) * share)])
        assert "cut short" in (describe(str(path)) or "")
        with pytest.raises(steamnet.InitError, match="cut short"):
            steamnet.init(engine="gns", library=path)


class TestWords:
    """What a newcomer reads who has nothing but steamnet."""

    def said(self, script: Path, engine: str, **environment: str) -> str:
        """Return the error with which a script ends that opens the engine."""
        script.write_text(f"import steamnet\nsteamnet.init(480, engine={engine!r})\n")
        clean = {k: v for k, v in os.environ.items() if k != "STEAMNET_LIBRARY"}
        done = subprocess.run(
            [sys.executable, str(script)],
            env={**clean, **environment},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 1
        return done.stderr[done.stderr.index("steamnet.errors.InitError: ") :]

    @pytest.mark.skipif(sys.platform != "linux", reason="names the libraries of Linux")
    def test_nothing_is_there(self, tmp_path: Path) -> None:
        """What is missing, where it comes from, where it goes, and how to begin without."""
        sdk = {"x86-64": "linux64", "x86": "linux32", "ARM64": "linuxarm64"}[Host().machine]
        package = Path(sys.modules[Host.__module__].__file__ or "").parent
        assert self.said(tmp_path / "game.py", "steam").splitlines() == [
            "steamnet.errors.InitError: no library for the steam engine",
            "  libsteam_api.so comes with the Steamworks SDK, not with steamnet.",
            "  Put it beside your program, or give its path as library= or in STEAMNET_LIBRARY.",
            '  The loopback engine needs none of this: init(engine="loopback"), '
            "STEAMNET_ENGINE=loopback, or --engine loopback.",
            "  Tried:",
            f"    {tmp_path}/libsteam_api.so: not found",
            f"    {tmp_path}/redistributable_bin/{sdk}/libsteam_api.so: not found",
            f"    {tmp_path}/sdk/redistributable_bin/{sdk}/libsteam_api.so: not found",
            f"    {package}/libsteam_api.so: not found",
        ]

    def test_the_environment_named_it(self, tmp_path: Path) -> None:
        """Who has forgotten the variable is reminded."""
        text = self.said(tmp_path / "game.py", "steam", STEAMNET_LIBRARY=str(tmp_path / "nothing"))
        assert "that STEAMNET_LIBRARY names cannot serve as the steam engine" in text
        assert f"    {tmp_path / 'nothing'}: not found" in text

    @pytest.mark.skipif(sys.platform != "win32", reason="knows how Windows words a reason")
    def test_the_systems_reason_has_no_gap(self, tmp_path: Path) -> None:
        """Windows leaves a place for the file in its words, and the name stands there."""
        path = tmp_path / "steam_api64.dll"
        path.write_bytes(pe({"x86-64": 0x8664, "ARM64": 0xAA64}[Host().machine]))
        text = self.said(tmp_path / "game.py", "steam", STEAMNET_LIBRARY=str(path))
        assert "%" not in text
        last = text.splitlines()[-1]
        assert last.startswith(f"    {path}: ")
        assert last.count("steam_api64.dll") == 2

    @pytest.mark.skipif(sys.platform != "linux", reason="knows the words of Linux's loader")
    def test_the_loaders_reason_names_the_file_once(self, tmp_path: Path) -> None:
        """The loader begins its reason with the path that stands before it already."""
        path = tmp_path / "libsteam_api.so"
        path.write_bytes(elf({"x86-64": 62, "x86": 3, "ARM64": 183}[Host().machine]))
        text = self.said(tmp_path / "game.py", "steam", STEAMNET_LIBRARY=str(path))
        last = text.splitlines()[-1]
        assert last.startswith(f"    {path}: ")
        assert last.count(str(path)) == 1
