"""What pyproject.toml has no words for: `assets` and `web/dist` are installed as packages of files beside ours."""

from setuptools import find_namespace_packages, setup

setup(
    packages=[
        *find_namespace_packages(include=["pgan_core*", "dissection*", "dashboard*"]),
        "pggan_lab_assets",
        "pggan_lab_web",
    ],
    package_dir={"pggan_lab_assets": "assets", "pggan_lab_web": "web/dist"},
)
