"""Is everything in the wheel that the app needs, and nothing else? `python tests/wheel_contents.py FILE.whl`."""

import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {name: name for name in ("pgan_core", "dissection", "dashboard")} | {
    "assets": "pggan_lab_assets",
    "web/dist": "pggan_lab_web",
}
LEFT_OUT = ("assets/screenshots/*", "*.sh", "*.pyc")  # the README's pictures, and scripts that run in a checkout


def expected() -> Iterator[str]:
    """The files of the checkout by the names that they have in the wheel."""
    for folder, package in PACKAGES.items():
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and not any(path.relative_to(ROOT).match(pattern) for pattern in LEFT_OUT):
                yield f"{package}/{path.relative_to(ROOT / folder).as_posix()}"


def main(wheel: str) -> None:
    with zipfile.ZipFile(wheel) as file:
        found = {name for name in file.namelist() if ".dist-info/" not in name}
    wanted = set(expected())
    lines = [f"missing: {name}" for name in sorted(wanted - found)] + [
        f"extra: {name}" for name in sorted(found - wanted)
    ]
    if lines:
        sys.exit("\n".join(lines))
    print(f"{wheel}: all {len(found)} files")


if __name__ == "__main__":
    main(sys.argv[1])
