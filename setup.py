"""What pyproject.toml has no words for: the folder `assets` is installed as `pggan_lab_assets`, beside the packages."""

from setuptools import find_namespace_packages, setup

setup(
    packages=[*find_namespace_packages(include=["pgan_core*", "dissection*", "dashboard*"]), "pggan_lab_assets"],
    package_dir={"pggan_lab_assets": "assets"},
)
