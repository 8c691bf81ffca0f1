"""``steamnet netgraph``: what it prints, what it measures, and what it draws."""

import io
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

import steamnet
from steamnet import ConfigValue
from steamnet.cli import main, netgraph
from steamnet.clock import CURRENT
from steamnet.testing import VirtualClock

HOST = "76561198000000001"


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> list[netgraph.Session]:
    """Keep the sessions that are watched."""
    watched: list[netgraph.Session] = []
    monkeypatch.setattr(netgraph, "_show", keep(watched))
    return watched


def keep(watched: list[netgraph.Session]) -> Callable[[netgraph.Session], None]:
    """Show a session as ever, and keep it."""
    show = netgraph._show

    def spy(session: netgraph.Session) -> None:
        watched.append(session)
        show(session)

    return spy


@contextmanager
def in_virtual_time() -> Iterator[None]:
    """Have netgraph go by a virtual clock, so that its seconds pass at once."""
    clock = VirtualClock()
    token = CURRENT.set(clock)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(netgraph, "time", SimpleNamespace(monotonic=clock.now, sleep=clock.advance))
        yield
    CURRENT.reset(token)


def test_the_pair_measures_the_lag_and_the_loss_that_were_set(
    engine: str,
    sessions: list[netgraph.Session],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With 80 ms lag and 20 % loss each way, the messages tell 160 ms and about a fifth lost."""
    arguments = ["--lag", "80", "--loss", "0.2", "--seconds", "60", "--engine", engine]
    # A state waits behind at most a few parts of the download, and the fastest behind none.
    expected = {
        "ping": pytest.approx(160, abs=20),
        "measured": pytest.approx(160, abs=8),
        "lost": pytest.approx(0.2, abs=0.1),
        "quality": pytest.approx(0.8, abs=0.1),
    }

    def measured(session: netgraph.Session) -> dict[str, float]:
        last = session.samples[-1]
        return {
            "ping": min((s.status.ping for s in session.samples if s.status.ping > 0), default=0),
            "measured": min((s.round_trip for s in session.samples if s.round_trip > 0), default=0),
            "lost": last.lost,
            "quality": last.status.connection_quality_local,
        }

    def until_measured(session: netgraph.Session) -> Iterator[netgraph.Sample]:
        for sample in watch(session):
            yield sample
            if sample.at > 4.5 and measured(session) == expected:  # GNS has the quality after 5 s
                return

    watch = netgraph.Session.watch
    monkeypatch.setattr(netgraph.Session, "watch", until_measured)
    with in_virtual_time() if engine == "loopback" else nullcontext():
        assert main(["netgraph", *arguments]) == 0
    (session,) = sessions
    assert measured(session) == expected
    assert len(session.samples[-1].status.lanes) == 2
    printed = capsys.readouterr().out
    assert f"on the {engine} engine, 80 ms lag and 20 % loss set each way" in printed
    assert "ping 160 ms" in printed or engine == "gns"
    assert len(printed.splitlines()) >= 5
    with steamnet.init(engine=engine) as steam:  # GNS keeps global values after a shutdown
        for key in (ConfigValue.FAKE_PACKET_LAG_SEND, ConfigValue.FAKE_PACKET_LOSS_SEND):
            assert steam.networking_utils.get_config_value(key) == 0


def test_a_clear_network_loses_nothing(sessions: list[netgraph.Session]) -> None:
    """Without lag and loss nothing is missing, and the round trip is a frame or so."""
    with in_virtual_time():
        assert main(["netgraph", "--seconds", "2.2"]) == 0
    last = sessions[0].samples[-1]
    assert last.lost == 0
    assert last.round_trip < 40
    assert "set" not in sessions[0].title()


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[netgraph.Session, bytes]:
    """A session, and the picture that was drawn of it."""
    pytest.importorskip("matplotlib", reason="the plot needs: pip install 'steamnet[plot]'")
    import matplotlib as mpl

    watched: list[netgraph.Session] = []
    file = tmp_path_factory.mktemp("plot") / "graph.svg"
    arguments = ["--lag", "30", "--loss", "0.05", "--seconds", "2.5", "--plot", str(file)]
    with (
        in_virtual_time(),
        pytest.MonkeyPatch.context() as patched,
        mpl.rc_context({"svg.fonttype": "none"}),
    ):
        patched.setattr(netgraph, "_show", keep(watched))
        assert main(["netgraph", *arguments]) == 0
    return watched[0], file.read_bytes()


def test_the_plot_shows_what_was_set(
    played: tuple[netgraph.Session, bytes], tmp_path: Path
) -> None:
    """The picture is drawn, and as text (SVG) holds the values that were set."""
    session, content = played
    for text in ("set: 60 ms", "set: 5 %", "round trip (ms)", "packets lost (%)", "time (s)"):
        assert text.encode() in content
    file = tmp_path / "graph.png"
    netgraph.draw(session, str(file))
    assert file.read_bytes().startswith(b"\x89PNG")
    assert file.stat().st_size > 20_000


def test_it_watches_a_connection_to_a_host(tmp_path: Path) -> None:
    """--join connects to a host of another process, and says so when that closes."""
    world = tmp_path / "world"
    world.mkdir(mode=0o700)
    environment = os.environ | {"STEAMNET_LOOPBACK_DIR": str(world)}

    def start(*arguments: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-W", "error", "-m", "steamnet", *arguments]
        return subprocess.Popen(
            [*command, "--engine", "loopback"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )

    with start("host", "--identity", HOST) as host, start("netgraph", "--join", HOST) as watcher:
        try:
            assert watcher.stdout is not None
            title = watcher.stdout.readline()
            assert title == f"steamnet netgraph: {HOST} on the loopback engine\n"
            assert any("CONNECTED  ping" in line for line in watcher.stdout)
            host.terminate()
            out, _ = watcher.communicate(timeout=60)
            assert "The connection ended: " in out
            assert watcher.returncode == 0
        finally:
            host.kill()
            watcher.kill()


def test_a_host_that_never_was_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    """Who cannot be reached within the time makes the exit status 1."""
    with in_virtual_time():
        assert main(["netgraph", "--join", HOST, "--seconds", "0.5"]) == 1
    printed = capsys.readouterr()
    assert "CONNECTING" in printed.out
    assert "is the host running?" in printed.err


@pytest.mark.parametrize(
    ("file", "words"),
    [("graph.doc", "png"), ("graph", "png"), ("no/such/folder/graph.png", "No such file")],
)
def test_a_plot_that_cannot_be_drawn_is_refused_before_the_session(
    file: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A kind of file that matplotlib does not draw, or a place that is not there."""
    pytest.importorskip("matplotlib", reason="the plot needs: pip install 'steamnet[plot]'")
    assert main(["netgraph", "--plot", str(tmp_path / file)]) == 2
    refused = capsys.readouterr()
    assert words in refused.err
    assert refused.out == ""


def test_missing_extras_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without matplotlib no session is begun; without rich it goes on, line by line."""
    monkeypatch.setattr(netgraph, "find_spec", lambda name: None)
    assert main(["netgraph", "--seconds", "1", "--plot", "graph.png"]) == 2
    assert 'pip install "steamnet[plot]"' in capsys.readouterr().err
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert main(["netgraph", "--seconds", "0.2"]) == 0
    printed = capsys.readouterr()
    assert 'pip install "steamnet[cli]"' in printed.err
    assert "CONNECTED" in printed.out


@pytest.mark.parametrize("width", [80, 200])
def test_the_live_view_shows_every_row(played: tuple[netgraph.Session, bytes], width: int) -> None:
    """The panel that rich draws fits into a terminal of 80 columns and 24 rows, uncut."""
    rich_console = pytest.importorskip("rich.console", reason="pip install 'steamnet[cli]'")
    # The engine is shut, but a view needs nothing of it beyond its name.
    console = rich_console.Console(width=width, record=True, file=io.StringIO())
    console.print(netgraph._view(played[0], width))
    text = console.export_text()
    names = [row.name for row in netgraph.ROWS if row.name != "jitter"]  # which loopback lacks
    for part in ("loopback", *names, "lane 1", "Ctrl-C"):
        assert part in text
    assert "…" not in text
    assert len(text.splitlines()) < 24
    assert any(bar in text for bar in netgraph.BARS)


def test_bars_are_as_high_as_their_share() -> None:
    """The largest is full, nothing is empty, and the unknown is a gap."""
    assert netgraph._bars([0, 4, 8, math.nan]) == "▁▅█ "
    assert netgraph._bars([0, 0]) == "▁▁"


def test_steamnet_is_not_slowed_by_what_only_netgraph_needs() -> None:
    """Importing the command line imports neither rich nor matplotlib."""
    code = "import steamnet.cli.netgraph, sys; print({'rich', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "set()", done.stderr
