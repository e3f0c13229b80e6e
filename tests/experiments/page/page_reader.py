"""Read a page as a person does: tables by heading, and text without tags."""

from html.parser import HTMLParser

_VOID = ('img', 'input', 'meta', 'link', 'br')


class Reader(HTMLParser):
    """The tables of a page as rows of cells, all tags with their attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.tags: list[tuple[str, dict]] = []
        self.text = ''
        self._open: list[str] = []
        self.feed(text)
        assert not self._open, f'tags are not closed: {self._open}'

    def handle_starttag(self, name, attributes):
        self.tags.append((name, dict(attributes)))
        if name not in _VOID:
            self._open.append(name)
        if name == 'table':
            self.tables.append([])
        elif name == 'tr':
            self.tables[-1].append([])
        elif name in ('td', 'th'):
            self.tables[-1][-1].append('')

    def handle_endtag(self, name):
        assert self._open.pop() == name

    def handle_data(self, data):
        if self._open and self._open[-1] in ('style', 'script'):
            return
        self.text += data
        if 'td' in self._open or 'th' in self._open:
            self.tables[-1][-1][-1] += data

    def table(self, *headings: str) -> list[list[str]]:
        """Return the first table whose first row begins with these headings."""
        return next(t for t in self.tables if tuple(t[0][: len(headings)]) == headings)
