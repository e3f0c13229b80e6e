"""The report page: one self-contained HTML file for one run, or for several side by side."""

from depthda.experiments.page.page import Page, make_page

__all__ = ['Page', 'make_page']
