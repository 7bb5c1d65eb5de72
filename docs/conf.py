"""How Sphinx builds the manual: `make docs`."""

project = "unblink"
author = "The unblink developers"
project_copyright = "The unblink developers"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["examples", "build"]
html_theme = "furo"
html_title = "unblink"
myst_heading_anchors = 3
