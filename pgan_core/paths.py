"""Where the files are that ship with the code: the model, its dissection, the segmenter, the page of `export`."""

from pathlib import Path

_BESIDE = Path(__file__).resolve().parents[1]
_INSTALLED = _BESIDE / "pggan_lab_assets"  # as setup.py calls the folder in a wheel

ASSETS = _INSTALLED if _INSTALLED.is_dir() else _BESIDE / "assets"
_WEB_INSTALLED = _BESIDE / "pggan_lab_web"  # likewise
WEB = _WEB_INSTALLED if _WEB_INSTALLED.is_dir() else _BESIDE / "web" / "dist"  # the page of `export`, built
