"""List the skipped tests and their reasons at the end of a test run."""

from collections import defaultdict


def pytest_terminal_summary(terminalreporter) -> None:
    """Write each reason with its test files before the last line of pytest."""
    reasons: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for report in terminalreporter.stats.get('skipped', []):
        reason = str(report.longrepr)
        if isinstance(report.longrepr, (tuple, list)):  # (file, line, reason)
            reason = report.longrepr[2].removeprefix('Skipped: ')
        reasons[reason][report.nodeid.split('::')[0]] += 1
    if not reasons:
        return
    total = sum(sum(files.values()) for files in reasons.values())
    terminalreporter.write_sep('=', f'{_tests(total)} skipped')
    for reason, files in sorted(reasons.items()):
        terminalreporter.write_line(reason)
        for file, number in sorted(files.items()):
            terminalreporter.write_line(f'    {file}: {_tests(number)}')


def _tests(number: int) -> str:
    return f'{number} test' + ('' if number == 1 else 's')
