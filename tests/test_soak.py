"""The soak in short: sixteen players for a few seconds; tests/soak.py is the long form."""

import os
from dataclasses import asdict
from typing import Any

import pytest
import soak


@pytest.mark.skipif(os.name == "nt", reason="the sixtieth of a second is too short for its clock")
def test_soak(engine: str, record_property: Any) -> None:
    """Lag, loss and churn: every reliable message arrives once and in order; nothing is kept."""
    figures = asdict(soak.soak(engine, minutes=0.12, progress=False))
    for name in ("reliable", "goodbyes", "cut_off", "joined"):
        record_property(name, figures[name])
