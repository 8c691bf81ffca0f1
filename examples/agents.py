"""A thousand agents in one process, their states in one numpy array.

    python examples/agents.py [AGENTS [TICKS]]

Each agent has a connection of its own to a server, as a player would have. In each tick every agent
sends its state; the server takes them all in one call as columns, computes for all of them at once,
and sends each what to do. Needs numpy. Without STEAMNET_ENGINE it runs on loopback.
"""

import argparse
import os
import sys
import time

try:
    import numpy as np
except ImportError:
    sys.exit("this example computes with numpy: pip install numpy")

import steamnet
from steamnet import MessageColumns, SendFlags

STATE = np.dtype([("position", "<f4", 2), ("velocity", "<f4", 2)])
ACTION = np.dtype(("<f4", 2))  # an acceleration
STEP = 1 / 20  # seconds of the agents' world
PATIENCE = 10.0  # seconds
FLAGS = SendFlags.RELIABLE_NO_NAGLE


class Crowd:
    """One end of all connections: received from in one call, each with its row of an array."""

    def __init__(self, steam: steamnet.Steam, connections: list[int]) -> None:
        self.steam, self.sockets = steam, steam.networking_sockets
        self.connections = connections
        self.group = self.sockets.create_poll_group()
        for connection in connections:
            self.sockets.set_connection_poll_group(connection, self.group)
        self.order = np.argsort(connections)  # handles may be any numbers: rows are looked up
        self.handles = np.array(connections)[self.order]

    def send(self, rows: np.ndarray) -> None:
        """Send each its row."""
        size = rows.nbytes // len(rows)
        data = memoryview(rows.tobytes())
        self.sockets.send_messages(
            (connection, data[row * size : row * size + size], FLAGS)
            for row, connection in enumerate(self.connections)
        )

    def receive(self, into: np.ndarray, dtype: np.dtype) -> None:
        """Receive from each once, into its row."""
        missing, deadline = len(self.connections), time.monotonic() + PATIENCE
        while missing > 0:
            self.steam.run_callbacks()
            columns = self.sockets.receive_columns_on_poll_group(self.group, missing)
            missing -= len(columns)
            who, what = self.rows(columns, dtype)
            into[who] = what
            if missing and not self.steam.wait(PATIENCE) and time.monotonic() > deadline:
                sys.exit(f"{missing} agents are silent")

    def rows(self, columns: MessageColumns, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
        """Read messages of that type: whose they are, and what they say.

        Others, which a peer may well send, are left out.
        """
        good = np.asarray(columns.sizes) == dtype.itemsize
        begins = np.asarray(columns.offsets)[good]
        data = np.frombuffer(columns.data, np.uint8)
        items = data[begins[:, None] + np.arange(dtype.itemsize)]
        who = self.order[np.searchsorted(self.handles, np.asarray(columns.connections)[good])]
        return who, np.frombuffer(items.tobytes(), dtype)


def move(states: np.ndarray, actions: np.ndarray) -> None:
    """What the agents do by themselves."""
    states["velocity"] += actions * STEP
    states["position"] += states["velocity"] * STEP


def policy(states: np.ndarray) -> np.ndarray:
    """What the server wants: all in the middle, at rest. A network would be asked here."""
    wanted: np.ndarray = -states["position"] - 2 * states["velocity"]
    return wanted


def distance(states: np.ndarray) -> float:
    """How far from the middle they are on average."""
    return float(np.linalg.norm(states["position"], axis=1).mean())


def main(agents: int, ticks: int) -> None:
    """Play."""
    engine = os.environ.get("STEAMNET_ENGINE", "loopback")
    with steamnet.init(480 if engine == "steam" else None, engine=engine) as steam:
        pairs = [
            steam.networking_sockets.create_socket_pair(False, None, f"str:agent {number}")
            for number in range(agents)
        ]
        server = Crowd(steam, [here for here, _ in pairs])
        crowd = Crowd(steam, [there for _, there in pairs])
        states = np.zeros(agents, STATE)  # as the agents have them
        states["position"] = np.random.default_rng(1).normal(size=(agents, 2))
        seen = np.zeros(agents, STATE)  # as the server has them
        actions = np.zeros((agents, 2), "<f4")
        before, began = distance(states), time.perf_counter()
        for _ in range(ticks):
            crowd.send(states)
            server.receive(seen, STATE)
            server.send(policy(seen))
            crowd.receive(actions, ACTION)
            move(states, actions)
        taken = time.perf_counter() - began
        print(f"{agents} agents, {ticks} ticks of {taken / ticks * 1000:.1f} ms")
        print(f"distance from the middle: {before:.3f}, then {distance(states):.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A thousand agents in one process.")
    parser.add_argument("agents", nargs="?", type=int, default=1000)
    parser.add_argument("ticks", nargs="?", type=int, default=100)
    options = parser.parse_args()
    if not (1 <= options.agents <= 100_000 and options.ticks >= 1):
        parser.error("there are 1 to 100,000 agents, and 1 tick or more")
    main(options.agents, options.ticks)
