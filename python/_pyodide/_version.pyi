"""Types of the generated module `_pyodide._version`, which repeats `versions.toml`."""

VERSION: str
PYTHON_VERSION: str
PLATFORM_TAG: str
ACCEPTED_PLATFORM_TAGS: tuple[str, ...]
