"""The packages whose suites are run, and what their suites need. Nobody here wrote any of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Package:
    """One source distribution from PyPI.

    `needs` is what its tests import; `tests` are the arguments that pytest gets (the whole suite if empty);
    `source` is the folder in the distribution from which the package is imported; `only` says what was left
    out, and why; `limit` is in seconds, for one run of the suite.
    """

    name: str
    version: str
    needs: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    source: str = "src"
    only: str = ""
    limit: float = 900.0

    @property
    def requirement(self) -> str:
        """What pip is asked for."""
        return f"{self.name}=={self.version}"


PACKAGES = (
    Package("aiofiles", "25.1.0", ("pytest-asyncio>=1.0",)),
    Package("aiolimiter", "1.3.0", ("dunamai", "pytest-asyncio>=1.0", "pytest-cov", "typing-extensions")),
    Package(
        "anyio",
        "4.16.0",
        (
            "blockbuster",
            "coverage[toml]",
            "exceptiongroup",
            "hypothesis",
            "psutil",
            "pytest>=9",
            "pytest-mock",
            "pytest-timeout",
            "trio>=0.32",
            "trustme",
            "truststore",
            "uvloop>=0.22.1",
        ),
        # Which test is blamed for sockets that nobody closed depends on when the collector comes: plainly, too.
        tests=("-W", "ignore::pytest.PytestUnraisableExceptionWarning"),
    ),
    Package(
        "async-lru",
        "2.4.0",
        ("pytest-asyncio>=1.0", "pytest-timeout"),
        tests=("-o", "addopts=", "-o", "asyncio_default_fixture_loop_scope=function", "tests"),
        source=".",
    ),
    Package("attrs", "26.1.0", ("cloudpickle", "hypothesis", "pympler")),
    Package("blinker", "1.9.0", ("pytest-asyncio==0.23.7", "pytest<9")),
    Package("cachetools", "8.0.1"),
    Package("click", "8.5.1"),
    Package(
        "httpx",
        "0.28.1",
        (
            "brotli",
            "chardet",
            "click",
            "cryptography",
            "h2",
            "pygments",
            "pytest<9",
            "rich<14",
            "socksio",
            "trio",
            "trustme",
            "uvicorn",
            "zstandard",
        ),
        source=".",
    ),
    Package(
        "janus",
        "2.0.0",
        ("pytest-asyncio>=1.0", "pytest-benchmark"),
        tests=("-o", "addopts=", "--benchmark-disable", "tests"),
        source=".",
    ),
    Package("jinja2", "3.1.6", ("trio", "markupsafe")),
    Package("markupsafe", "3.0.4"),
    Package("more-itertools", "11.2.1", source="."),
    Package(
        "networkx",
        "3.7",
        tests=("networkx/classes", "networkx/utils", "networkx/readwrite", "networkx/generators"),
        source=".",
        only="classes, utils, readwrite and generators: the algorithms' 4,000 tests are more of the same",
    ),
    Package("packaging", "26.3", ("hypothesis", "pretend", "tomli_w", "pip")),
    Package("pluggy", "1.7.0", ("pytest-benchmark",)),
    Package(
        "starlette",
        "1.10.0",
        (
            "blockbuster",
            "httpx",
            "httpx2[zstd]",
            "itsdangerous",
            "jinja2",
            "opentelemetry-api",
            "opentelemetry-sdk",
            "pytest>=9.1.1",
            "python-multipart",
            "pyyaml",
            "trio",
            "typing-extensions",
        ),
        source=".",
    ),
    Package("tenacity", "9.2.1", ("tornado",), source="."),
    Package("tomlkit", "0.15.2", ("PyYAML",), source="."),
    Package(
        "urllib3",
        "2.8.0",
        (
            "anyio[trio]",
            "h2",
            "httpx",
            "hypercorn",
            "pysocks",
            "pytest-socket",
            "pytest-timeout",
            "quart",
            "quart-trio",
            "trustme",
            "cryptography",
            "pyopenssl",
            "idna",
        ),
        tests=(
            "test",
            "--ignore=test/contrib",
            "--ignore=test/test_ssltransport.py",
            "--ignore=test/with_dummyserver/test_https.py",
            "--ignore=test/with_dummyserver/test_proxy_poolmanager.py",
            "--ignore=test/with_dummyserver/test_socketlevel.py",
        ),
        only="without TLS between two threads of one test: OpenSSL's handshake blocks in C (uncontrolled-blocking-call)",
    ),
    Package(
        "wrapt",
        "2.5.2",
        ("setuptools",),
        tests=("tests/core",),
        only="tests/core: the rest checks type checkers and takes minutes",
    ),
)
