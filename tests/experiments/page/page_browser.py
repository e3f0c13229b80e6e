"""Control a headless Chromium: the DevTools protocol over a pipe, with the standard library."""

import json
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_NAMES = ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable')
CHROMIUM = next(filter(None, map(shutil.which, _NAMES)), None)
_QUIET = (
    '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync '
    '--disable-background-networking --disable-component-update --hide-scrollbars'
)


class Browser:
    """One page of the browser: send commands, read answers, and keep every event."""

    def __init__(self, write: int, read: int) -> None:
        self.events: list[dict[str, Any]] = []
        self._write, self._read, self._buffer, self._count = write, read, b'', 0
        self._session: str | None = None
        target = self.call('Target.createTarget', url='about:blank')['targetId']
        attached = self.call('Target.attachToTarget', targetId=target, flatten=True)
        self._session = attached['sessionId']
        for domain in ('Page', 'Runtime', 'Log', 'Network'):
            self.call(f'{domain}.enable')

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self._count += 1
        message = {'id': self._count, 'method': method, 'params': params}
        if self._session:
            message['sessionId'] = self._session
        os.write(self._write, json.dumps(message).encode() + b'\0')
        while (answer := self._receive()).get('id') != self._count:
            self.events.append(answer)
        if 'error' in answer:
            raise RuntimeError(f'{method}: {answer["error"]}')
        return answer['result']

    def open(self, path: Path, width: int = 1300, height: int = 900) -> None:
        self.call(
            'Emulation.setDeviceMetricsOverride',
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.call('Page.navigate', url=path.absolute().as_uri())
        while not any(event.get('method') == 'Page.loadEventFired' for event in self.events):
            self.events.append(self._receive())

    def run(self, script: str) -> Any:
        """Return the value of an expression in the page; an exception there is raised here."""
        done = self.call(
            'Runtime.evaluate', expression=script, returnByValue=True, awaitPromise=True
        )
        if 'exceptionDetails' in done:
            raise RuntimeError(done['exceptionDetails'])
        return done['result'].get('value')

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        self.call('Input.dispatchMouseEvent', type=kind, x=x, y=y, **more)

    def key(self, key: str) -> None:
        text = {'text': key} if len(key) == 1 else {}
        code = {'Escape': 27, 'ArrowLeft': 37, 'ArrowRight': 39}.get(key, ord(key[0]))
        for kind in ('keyDown', 'keyUp'):
            more = text if kind == 'keyDown' else {}
            self.call(
                'Input.dispatchKeyEvent', type=kind, key=key, windowsVirtualKeyCode=code, **more
            )

    def console_messages(self) -> list[str]:
        """Return the exceptions and messages of the console."""
        return [
            json.dumps(event['params'])
            for event in self.events
            if event.get('method') == 'Runtime.exceptionThrown'
            or event.get('method') == 'Log.entryAdded'
            or (event.get('method') == 'Runtime.consoleAPICalled')
        ]

    def requests(self) -> list[str]:
        """Return the addresses that the page requested."""
        return [
            event['params']['request']['url']
            for event in self.events
            if event.get('method') == 'Network.requestWillBeSent'
        ]

    def _receive(self) -> dict[str, Any]:
        deadline = time.monotonic() + 20
        while b'\0' not in self._buffer:
            if not select.select([self._read], [], [], max(deadline - time.monotonic(), 0))[0]:
                raise TimeoutError('the browser does not answer')
            part = os.read(self._read, 1 << 20)
            if not part:
                raise EOFError('the browser has ended')
            self._buffer += part
        message, self._buffer = self._buffer.split(b'\0', 1)
        return json.loads(message)


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Start Chromium with its profile in ``folder``, and end it afterwards."""
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()
    # The browser reads commands from descriptor 3 and answers on 4.
    command = (
        f'exec 3<&{to_read} 4>&{from_write}; exec "{CHROMIUM}" {_QUIET} --remote-debugging-pipe '
        f'--user-data-dir="{folder}" about:blank'
    )
    process = subprocess.Popen(
        ['bash', '-c', command],
        pass_fds=(to_read, from_write),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(to_read)
    os.close(from_write)
    try:
        yield Browser(to_write, from_read)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(to_write)
        os.close(from_read)
