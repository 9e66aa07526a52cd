"""A student without a browser: the same messages over the same websocket, and nothing is drawn.

So thirty of them fit beside the app. Like the browser, a student caches large messages and gets only their hashes when
they come again, and gets the lower parts of a page only where it scrolls to them.
"""

import asyncio
import json
import time
from collections.abc import Callable

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

SEED = "Seed"  # label of the sidebar's control
LATER = "lab_later"  # the component that asks for a lower part of a page once it is in view
PATIENCE = 90.0  # seconds for one run


class Student:
    """One browser tab. Every action returns the seconds until the page's script has ended."""

    def __init__(self, url: str, headers: dict[str, str] | None = None):
        self.headers = headers or {}
        self.url = url.replace("http", "ws", 1) + "/_stcore/stream"
        self.socket: ClientConnection | None = None
        self.exceptions: list[str] = []
        self.page = ""

    async def open(self, page: str, query: str = "") -> float:
        """A new tab at a page's address; a tab that was open is closed."""
        await self.close()
        start = time.perf_counter()
        self.pages, self.seed_id, self.later = {}, "", {}
        self.script, self.query, self.page = "", query, page
        self.kept: dict[str, Delta] = {}
        self.heard: set[str] = set()
        self.socket = await connect(
            self.url, subprotocols=[Subprotocol("streamlit")], max_size=None, compression=None,
            additional_headers=self.headers,
        )  # fmt: skip
        await self._run(name=page)
        return time.perf_counter() - start

    async def go(self, page: str) -> float:
        """A click on another page in the navigation."""
        self.script, self.page = self.pages[page], page
        return await self._timed(name=page)

    async def change_seed(self, seed: int) -> float:
        """Another number in the sidebar; the address carries it, too."""
        self.query = f"seed={seed}"

        def fill(state) -> None:
            state.id, state.double_value = self.seed_id, seed

        return await self._timed(fill)

    async def scroll(self) -> None:
        """Down to the end of the page: its lower parts, one after the other."""
        seen = set()
        while waiting := [row for row in self.later.items() if row[0] not in seen]:
            (widget, fragment), *_ = waiting
            seen.add(widget)

            def fill(state, widget=widget) -> None:
                state.id, state.json_value = widget, json.dumps({"ready": True})

            await self._run(fill, fragment=fragment)

    async def close(self) -> None:
        if self.socket is not None:
            await self.socket.close()
            self.socket = None

    async def _timed(self, fill: Callable | None = None, name: str = "") -> float:
        start = time.perf_counter()
        await self._run(fill, name)
        return time.perf_counter() - start

    async def _run(self, fill: Callable | None = None, name: str = "", fragment: str = "") -> None:
        """Asks for a run and hears it to its end. Raises TimeoutError and what the connection raises."""
        socket = self.socket
        assert socket is not None  # `open` comes first
        message = BackMsg()
        state = message.rerun_script
        state.query_string, state.page_script_hash, state.fragment_id = self.query, self.script, fragment
        state.page_name = "" if self.script else name
        state.cached_message_hashes.extend(self.kept)
        if fill is not None:
            fill(state.widget_states.widgets.add())
        await socket.send(message.SerializeToString())
        heard, self.heard = self.heard, set()
        if not fragment:
            self.later = {}
        async with asyncio.timeout(PATIENCE):
            while not self._hear(ForwardMsg.FromString(await socket.recv(decode=False))):
                pass
        if not fragment:  # like the browser, forget what neither this run nor the one before sent
            self.kept = {key: delta for key, delta in self.kept.items() if key in self.heard | heard}
        else:
            self.heard |= heard

    def _hear(self, message: ForwardMsg) -> bool:
        """Take in one message; whether it says that the run has ended."""
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self.session = message.new_session.initialize.session_id
        elif kind == "navigation":
            self.script = message.navigation.page_script_hash
            self.pages = {page.url_pathname: page.page_script_hash for page in message.navigation.app_pages}
        elif kind == "ref_hash":
            self.heard.add(message.ref_hash)
            self._see(self.kept[message.ref_hash])
        elif kind == "delta":
            if message.metadata.cacheable:
                self.heard.add(message.hash)
                self.kept[message.hash] = message.delta
            self._see(message.delta)
        return kind == "script_finished" and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN

    def _see(self, delta: Delta) -> None:
        element = delta.new_element
        kind = element.WhichOneof("type") if delta.HasField("new_element") else None
        if kind == "number_input" and element.number_input.label == SEED:
            self.seed_id = element.number_input.id
        elif kind == "exception":
            self.exceptions.append(f"{self.page}: {element.exception.type}: {element.exception.message}"[:300])
        elif kind == "bidi_component" and element.bidi_component.component_name.endswith(LATER):
            self.later[element.bidi_component.id] = delta.fragment_id
