"""The version, in the one place that the wheel, the C code and Python read it from."""

__version__ = "0.1.0"
