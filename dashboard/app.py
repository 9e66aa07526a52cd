"""Where `streamlit run dashboard/app.py` begins: imported once by the server, then run anew for every browser.

The server imports this file as a module, finds `app` and starts it; `dashboard/startup.py` says what is paid then. Each
run of the script for a browser (`__main__`) draws the frame and the chosen page, see `dashboard/frame.py`.
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
    from dashboard import frame  # torch and pandas; a visitor who comes early waits here until the server has them

    frame.draw()
else:
    # Streamlit takes a folder of this name for its own list of page scripts, and then misses the first visitor's page
    PagesManager.uses_pages_directory = False
    # torch, once imported, takes large tensors in large pages, whose first use costs less (see docs/SPEED.md)
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    from dashboard import startup

    app = st.App(__file__, lifespan=startup.lifespan)
