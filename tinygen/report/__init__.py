"""The report of runs: one HTML page with losses, samples over time, settings, and where the losses stand.

``record.py`` reads a run, ``published.py`` knows what the book's runs had, ``chart.py`` draws curves, ``samples.py``
shows what was made, ``writing.py`` judges a model of text, and ``page.py`` puts the page together.
"""

from tinygen.report.page import report_page
from tinygen.report.record import Record, read_record
