"""The report page: one self-contained HTML file for a run or for a comparison of several."""

from depthda.experiments.page.page import Page, make_page

__all__ = ['Page', 'make_page']
