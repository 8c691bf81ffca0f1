"""The pytest plug-in under pytest-xdist: workers do not meet."""

import importlib.util
import os
import subprocess
import sys
import textwrap
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import requirements

# Two workers at once, whose users have the same names and whose tests take the same time: each
# waits until the other has opened its own.
TESTS = """
    import os, pathlib, subprocess, sys, time
    import pytest, steamnet
    from steamnet.testing import pump

    @pytest.mark.parametrize("number", range(2))
    def test_users_of_one_name(number, worker_id):
        with steamnet.init(engine="loopback", identity="str:host") as host, host.listen(0) as door:
            here = pathlib.Path(os.environ["MEETING"])
            (here / worker_id).write_text(os.environ["STEAMNET_LOOPBACK_DIR"])
            while len(list(here.iterdir())) < 2:
                time.sleep(0.001)
            code = (
                "import steamnet; from steamnet.testing import pump\\n"
                "with steamnet.init(engine='loopback') as guest:\\n"
                "    connection = guest.connect('str:host', 0)\\n"
                f"    connection.send('{worker_id}')\\n"
                "    pump(guest, until=lambda: connection.state == 3, timeout=30)\\n"
                "    print(guest.shutdown(30))\\n"
            )
            guest = subprocess.Popen([sys.executable, "-c", code])
            guests = [pump(host, until=door.accept, timeout=30)]
            message = pump(host, until=guests[0].receive, timeout=30)[0].decode()
            assert message == worker_id
            while guest.poll() is None:
                host.run_callbacks()
                time.sleep(0.001)
                assert door.accept() is None
            assert guest.returncode == 0
            guests[0].close()
"""


@pytest.mark.parametrize("given", [False, True], ids=["default", "directory given"])
def test_workers_do_not_meet(tmp_path: Path, given: bool) -> None:
    """The processes that a worker starts meet it, and nobody else's; directories go with it."""
    if importlib.util.find_spec("xdist") is None:
        requirements.missing("the test of workers needs pytest-xdist")
    (tmp_path / "test_it.py").write_text(textwrap.dedent(TESTS))
    (tmp_path / "meeting").mkdir()
    environment = os.environ | {"MEETING": str(tmp_path / "meeting")}
    if not given:
        environment.pop("STEAMNET_LOOPBACK_DIR", None)
    installed = entry_points(group="pytest11", name="steamnet")
    plugin = [] if installed else ["-p", "pytest_steamnet"]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-n2", "--dist=each", "-q", "-k", "0"),
            *("-p", "no:cacheprovider", "-p", "no:hypothesispytest", *plugin, str(tmp_path)),
        ],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    places = {Path(file.read_text()) for file in (tmp_path / "meeting").iterdir()}
    assert len(places) == 2
    left = {str(place): [p.name for p in place.iterdir()] for place in places if place.exists()}
    assert not left, done.stdout + done.stderr
