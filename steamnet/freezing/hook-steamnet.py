"""What PyInstaller cannot see of steamnet: modules loaded on demand, libraries laid beside it."""

from PyInstaller.utils.hooks import collect_dynamic_libs

# These come with their first use.
hiddenimports = ["steamnet.aio", "steamnet.signaling", "steamnet.testing"]
# A Steam library or GameNetworkingSockets in our folder is found there when frozen, too.
binaries = collect_dynamic_libs("steamnet")
