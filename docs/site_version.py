"""Shows the package's version at the foot of each page of the site."""

from mkdocs.config.defaults import MkDocsConfig

import steamnet


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Called by mkdocs, before it builds."""
    config.copyright = f"steamnet {steamnet.__version__}"
    return config
