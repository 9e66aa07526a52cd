"""The entry point of `streamlit run dashboard/app.py`.

The server imports this file once, finds `app` and starts it (`dashboard/startup.py`). It then runs the file as a script
for each rerun of each browser, which draws the frame and the chosen page (`dashboard/frame.py`).
"""

import os
import sys
from pathlib import Path

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))  # Streamlit puts this script's own folder on the path, not the checkout

if __name__ == "__main__":
    from dashboard import frame  # imports torch and pandas; an early visitor waits here until they are loaded

    frame.draw()
else:
    # else Streamlit takes the folder `pages/` for its own list of page scripts, and misses the first visitor's page
    PagesManager.uses_pages_directory = False
    # torch then allocates large tensors in huge pages, which are faster to touch for the first time (docs/SPEED.md)
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    from starlette.middleware import Middleware

    from dashboard import engine, startup
    from dashboard.frames import FrameAncestors
    from dashboard.pages.training import feed

    framing = [Middleware(FrameAncestors)]
    app = st.App(__file__, lifespan=startup.lifespan, routes=[*feed.ROUTES, *engine.ROUTES], middleware=framing)
