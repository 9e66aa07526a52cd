"""The export bar: files that are made only when somebody downloads them."""

from collections.abc import Callable, Mapping

import streamlit as st

from dashboard.language import _, kept

MIME = {
    "png": "image/png", "gif": "image/gif", "mp4": "video/mp4", "json": "application/json", "csv": "text/csv",
    "webm": "video/webm", "html": "text/html", "npz": "application/octet-stream", "zip": "application/zip",
}  # fmt: skip


def export_bar(files: dict[str, Callable[[], bytes]], key: str, labels: Mapping[str, str] | None = None) -> None:
    """One download button for each file name; its function is called on the click, not before, in the page's language.

    A button is named after its file's ending, or by `labels`.

    export_bar({"wall.png": lambda: encode(sheet), "growth.mp4": lambda: encode_mp4(frames)}, key="growth")
    """
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        for name, make in files.items():
            ending = name.rsplit(".", 1)[-1]
            st.download_button(
                (labels or {}).get(name, ending.upper()), kept(make), name, MIME.get(ending),
                icon=":material/download:", on_click="ignore", key=f"{key}_{name}",
                help=_("Download {name}").format(name=name),
            )  # fmt: skip
