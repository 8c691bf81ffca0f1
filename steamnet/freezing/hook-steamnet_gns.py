"""What PyInstaller cannot see of steamnet-gns: its libraries, which are loaded by their path."""

from PyInstaller.utils.hooks import collect_dynamic_libs

binaries = collect_dynamic_libs("steamnet_gns")
