"""Put ``configs/`` into the wheel, as ``depthda/configs``; everything else is in pyproject.toml."""

from setuptools import find_namespace_packages, find_packages, setup

setup(
    packages=[
        *find_packages(include=['depthda*']),
        'depthda.configs',
        *(f'depthda.configs.{folder}' for folder in find_namespace_packages('configs')),
    ],
    package_dir={'depthda.configs': 'configs'},
)
