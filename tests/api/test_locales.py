"""Numbers are C's, whatever locale the program has chosen, as games with a GUI library do."""

import os
import struct
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import requirements

# What a German or a Turkish machine sets, by the names of each system.
LOCALES = {
    "de_DE": ["de_DE.UTF-8", "German_Germany.1252"],
    "tr_TR": ["tr_TR.UTF-8", "Turkish_Turkey.1254"],
}
PROGRAM = """
    import locale, re, sys
    import steamnet
    from steamnet import ConfigValue

    engine, *names = sys.argv[1:]
    for name in names:
        try:
            locale.setlocale(locale.LC_NUMERIC, name)
            break
        except locale.Error:
            pass
    if locale.localeconv()["decimal_point"] != ",":
        sys.exit(77)
    with steamnet.init(engine=engine, identity=76561198000000001) as steam:
        utils, sockets = steam.networking_utils, steam.networking_sockets
        key = ConfigValue.FAKE_PACKET_LOSS_SEND
        for text, number in {"2.5": 2.5, "12.25": 12.25, "1e1": 10.0, ".5": 0.5, "7": 7.0}.items():
            assert utils.set_config_value(key, text), text
            assert utils.get_config_value(key) == number, text
        utils.set_config_value(key, 0)
        utils.set_config_value(key, "2,5")
        assert utils.get_config_value(key) != 2.5
        utils.set_config_value(key, 1.5)
        here, there = sockets.create_socket_pair(True)
        shares = []  # GNS tells of none before it has seen some packets
        while not shares:
            sockets.send_message(here, "x")
            steam.run_callbacks()
            status = sockets.get_detailed_connection_status(here)
            shares = re.findall("[0-9]([.,])[0-9]+%", status)
        assert set(shares) == {"."}, status
        utils.set_config_value(key, None)
        assert locale.localeconv()["decimal_point"] == ","  # the program's own is as it was
        assert f"{1.5:n}" == "1,5"
"""


def write_locale(path: Path) -> None:
    """Make a locale for glibc whose numbers have a comma: the machine may have none installed."""
    fields = [b",\0", b".\0", b"\3\3\0", struct.pack("=xI", ord(",")), struct.pack("=I", ord("."))]
    fields.append(b"UTF-8\0")
    at, offsets = 4 * (2 + len(fields)), []
    for field in fields:
        offsets.append(at + field.startswith(b"\0"))  # a number begins after what aligns it
        at += len(field)
    path.mkdir()
    head = struct.pack(f"={2 + len(fields)}I", 0x20031115 ^ 1, len(fields), *offsets)
    (path / "LC_NUMERIC").write_bytes(head + b"".join(fields))


@pytest.mark.parametrize("name", LOCALES)
def test_numbers_in_a_locale_with_commas(engine: str, name: str, tmp_path: Path) -> None:
    """Values given as text are read, and status text is written, with points."""
    write_locale(tmp_path / f"{name}.UTF-8")
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), engine, *LOCALES[name]],
        env=os.environ | {"LOCPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode == 77:
        requirements.missing(f"this system's C library has no locale {name} with a comma")
    assert (done.returncode, done.stderr) == (0, "")
