"""Modules that requests imports and no webhook needs are loaded when something is first asked of them.

They guess at encodings, know international names, and tell urllib3 the version of h2: a good part of the time
that `import requests` takes, which is most of what a user waits for the first call. importlib's LazyLoader
would load them at once: requests asks for a version, and urllib3 takes a function.

For a command line only: one thread may not import a part of such a module by its own name (`idna.core`) while
another is the first to use the whole, or each waits for the other. No code of a run imports such a part.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from threading import RLock
from types import ModuleType
from typing import Any

_LOADING = RLock()
_UNDER_WAY: set[ModuleType] = set()


class _Deferred(ModuleType):
    """A module that has not run yet; the first question that it cannot answer runs it, in place."""

    def __getattr__(self, name: str) -> Any:
        _load(self)
        return ModuleType.__getattribute__(self, name)


def defer_what_requests_imports() -> None:
    """Before requests is imported. What is imported already, or not installed, is left as it is."""
    _defer("idna")
    metadata = _defer("importlib.metadata")
    if metadata is not None:

        def version(distribution_name: str) -> str:
            _load(metadata)
            return str(metadata.version(distribution_name))

        # urllib3 takes this one function out of it.
        vars(metadata)["version"] = version
    charsets = _defer("charset_normalizer")
    if charsets is not None:
        # requests looks whether the version suits it; that is a module of one line.
        vars(charsets)["__version__"] = import_module(f"{charsets.__name__}.version").__version__


def _defer(name: str) -> _Deferred | None:
    spec = None if name in sys.modules else find_spec(name)
    if spec is None:
        return None
    module = module_from_spec(spec)
    module.__class__ = _Deferred  # as importlib's own LazyLoader does it
    assert isinstance(module, _Deferred)
    sys.modules[name] = module
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, module)
    return module


def _load(module: _Deferred) -> None:
    """Run it once. Other threads wait for that; what it asks of itself meanwhile is not there yet."""
    with _LOADING:
        if type(module) is not _Deferred or module in _UNDER_WAY:
            return
        spec = module.__spec__
        assert spec is not None
        assert spec.loader is not None
        _UNDER_WAY.add(module)
        try:
            spec.loader.exec_module(module)
        finally:
            _UNDER_WAY.discard(module)
        module.__class__ = ModuleType  # type: ignore[assignment]  # from now on a module like any other
