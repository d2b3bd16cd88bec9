"""Sphinx settings of the documentation: `make docs` builds it into `build/docs`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_site"))

project = "devstream"
author = "the devstream contributors"
copyright = "the devstream contributors"  # noqa: A001 - Sphinx's own name for it

extensions = ["myst_parser", "command_pages", "repository_links"]
exclude_patterns = ["_site"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme = "furo"
html_title = "devstream"
html_favicon = "../resources/icons/devstream.svg"
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True}
nitpicky = True
smartquotes = False  # `--poll` in prose is an option, not a dash
