"""The report page: one self-contained HTML file for one run, or for several side by side."""
