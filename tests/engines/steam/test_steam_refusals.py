"""Every documented reason why Steam does not start, in its words."""

import ctypes
import os
import shutil
import struct
import sys
from pathlib import Path

import pytest
from fake_steam import build as builder
from steam_programs import python

import steamnet
from steamnet import (
    InitError,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake Steam is built for POSIX")
APP_ID_NAMES = ["SteamAppId", "SteamGameId"]


class TestRefusals:
    """Each documented failure, by its words."""

    def refusal(self, library: str | Path, app_id: int | None = 480) -> InitError:
        """Return the error with which init ends."""
        with pytest.raises(InitError) as caught:
            steamnet.init(app_id, library=library)
        return caught.value

    def test_no_app_id(self, library: str) -> None:
        """Steam's words, and how to give one."""
        words = str(self.refusal(library, app_id=None))
        assert "No appID found." in words
        assert "init(app_id=...)" in words
        assert 'engine="loopback"' in words

    @pytest.mark.parametrize("folder", ["app", "apps", "Application Support"])
    def test_a_folder_is_no_app_id(self, library: str, tmp_path: Path, folder: str) -> None:
        """Words of Steam's with a path in them, where an app id was given, do not ask for one."""
        (tmp_path / folder).mkdir()
        alone = shutil.copy(library, tmp_path / folder)  # the fake misses its other half there
        words = str(self.refusal(alone))
        assert str(tmp_path / folder) in words
        assert "init(app_id=...)" not in words
        assert "is the app id right?" in words

    def test_no_client(self, library: str, surroundings: pytest.MonkeyPatch) -> None:
        """Steam's words, and the question that they mean; the environment is as it was."""
        surroundings.setenv("STEAMNET_FAKE_STEAM_REFUSE", "no-client")
        words = str(self.refusal(library))
        assert "Cannot create IPC pipe to Steam client process." in words
        assert "Is Steam running, under the same user" in words
        assert 'engine="loopback"' in words
        assert not any(name in os.environ for name in APP_ID_NAMES)
        surroundings.delenv("STEAMNET_FAKE_STEAM_REFUSE")
        with steamnet.init(480, library=library) as steam:
            assert steam.core.is_initialized()

    def test_an_old_client(self, library: str, surroundings: pytest.MonkeyPatch) -> None:
        """A client older than the library is named as such."""
        surroundings.setenv("STEAMNET_FAKE_STEAM_REFUSE", "old-client")
        words = str(self.refusal(library))
        assert "out of date" in words
        assert "older than this library" in words

    def test_a_client_that_lacks_an_interface(
        self, library: str, surroundings: pytest.MonkeyPatch
    ) -> None:
        """A client that starts, and does not know what the library asks it for, is let go again."""
        surroundings.setenv("STEAMNET_FAKE_STEAM_REFUSE", "unknown-interface")
        words = str(self.refusal(library))
        assert "Steam started, but the Steam client is too old for SteamAPI_" in words
        assert "let Steam update itself" in words
        assert ctypes.CDLL(library).SteamAPI_GetHSteamUser() == 0
        surroundings.delenv("STEAMNET_FAKE_STEAM_REFUSE")
        with steamnet.init(480, library=library) as steam:
            assert steam.core.is_initialized()

    def test_an_early_sdk_gives_no_reason(
        self, fakes: dict[str, str], surroundings: pytest.MonkeyPatch
    ) -> None:
        """SteamAPI_InitSafe only says no, and so we say that."""
        words = str(self.refusal(fakes["early"], app_id=None))
        assert "SteamAPI_InitSafe failed, and an SDK of this age does not say why" in words

    def test_not_found(self, surroundings: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """Each path is listed with its reason."""
        error = self.refusal(tmp_path / "libsteam_api.so")
        assert error.tried == [f"{tmp_path / 'libsteam_api.so'}: not found"]
        assert "the library given cannot serve as the steam engine" in str(error)
        assert 'engine="loopback"' in str(error)

    def test_a_library_in_the_current_directory_is_not_loaded(
        self, library: str, tmp_path: Path
    ) -> None:
        """Whatever lies there is not the program's."""
        (tmp_path / "libsteam_api.so").symlink_to(library)
        program = python("import steamnet; steamnet.init(480)")
        _, err = program.communicate(timeout=60)
        assert program.returncode == 1
        assert "no library for the steam engine" in err
        assert "comes with the Steamworks SDK" in err
        assert "STEAMNET_LIBRARY" in err
        assert str(tmp_path) not in err

    def test_a_library_of_another_processor(
        self, surroundings: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """A 32-bit library is called one."""
        path = tmp_path / "libsteam_api.so"
        path.write_bytes(b"\x7fELF\1\1\1" + bytes(9) + struct.pack("<HH", 3, 3) + bytes(64))
        if sys.platform == "linux":
            assert "a 32-bit x86 ELF library; this Python is 64-bit" in self.refusal(path).tried[0]
        else:
            assert "a library for Linux (ELF)" in self.refusal(path).tried[0]

    def test_gns_is_not_steam(self, surroundings: pytest.MonkeyPatch, gns_library: str) -> None:
        """The wrong one of the two libraries is recognised."""
        if os.path.dirname(gns_library):
            tried = self.refusal(gns_library).tried[0]
            assert 'this is GameNetworkingSockets, not libsteam_api: use engine="gns"' in tried

    def made(self, folder: Path, *functions: str) -> Path:
        """Return a library that has only these functions."""
        source = folder / "made.c"
        source.write_text(
            "".join(
                f"void *{name}(void);\nvoid *{name}(void) {{ return 0; }}\n" for name in functions
            )
        )
        path: Path = builder.library(folder / "libsteam_api.so", source, "-fvisibility=default")
        return path

    @pytest.mark.parametrize(
        ("functions", "words"),
        [
            (["hello"], "not a Steamworks library: missing symbol SteamAPI_RunCallbacks"),
            (
                ["SteamAPI_RunCallbacks"],
                "SDK too old: it has no ISteamNetworkingSockets, which came with SDK 1.44",
            ),
            (
                ["SteamAPI_RunCallbacks", "SteamAPI_SteamNetworkingSockets_SteamAPI_v009"],
                "ISteamNetworkingSockets v009 has no lanes and no real-time status",
            ),
            (
                ["SteamAPI_RunCallbacks", "SteamAPI_SteamNetworkingSockets_v008"],
                "ISteamNetworkingSockets v008 has no lanes and no real-time status",
            ),
            (
                ["SteamAPI_RunCallbacks", "SteamAPI_SteamNetworkingSockets_SteamAPI_v012"],
                "missing symbol SteamAPI_ISteamNetworkingSockets_CreateListenSocketIP, ",
            ),
        ],
    )
    def test_a_library_that_cannot_serve(
        self, surroundings: pytest.MonkeyPatch, tmp_path: Path, functions: list[str], words: str
    ) -> None:
        """Too old, or no Steam at all, or crippled: each is told from the others."""
        (tried,) = self.refusal(self.made(tmp_path, *functions)).tried
        assert words in tried

    def test_a_newer_interface_is_welcome(
        self, surroundings: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """The next SDK's accessor is found by pattern; only what is missing is held against it."""
        made = self.made(tmp_path, "SteamAPI_SteamNetworkingSockets_SteamAPI_v014")
        (tried,) = self.refusal(made).tried
        assert "missing symbol SteamAPI_ISteamNetworkingSockets_" in tried

    def test_one_engine_at_a_time(self, steam: steamnet.Steam, library: str) -> None:
        """A second init is refused while the first is open."""
        assert "open already" in str(self.refusal(library))
        steam.shutdown()
        with steamnet.init(480, library=library) as again:
            assert again.core.is_initialized()
