"""What is watched: modules are compiled with hooks at each operation that another task could observe.

`protocol` says what the hooks are and what they must do; `transform` is the pass; `importer` applies it to
what is imported, `loaded` to what was imported before.
"""

from .compiled import Compiled, compile_instrumented
from .importer import Instrumenter, InstrumentingFinder, instrumented_imports
from .loaded import LoadedReport, functions_by_namespace, instrument_loaded
from .protocol import HOOKS, Flag, Registry, SiteTuple, install_hooks, installed_hooks, uninstall_hooks
from .transform import instrument

__all__ = [
    "HOOKS",
    "Compiled",
    "Flag",
    "Instrumenter",
    "InstrumentingFinder",
    "LoadedReport",
    "Registry",
    "SiteTuple",
    "compile_instrumented",
    "functions_by_namespace",
    "install_hooks",
    "installed_hooks",
    "instrument",
    "instrument_loaded",
    "instrumented_imports",
    "uninstall_hooks",
]
