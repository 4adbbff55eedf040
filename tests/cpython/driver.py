"""Runs one module of CPython's own tests and tells what became of each test.

Owns: loading a module as `python -m test` does, and one event per test. Not here: processes, time limits, what is expected (run.mjs).
Invariant: an event is out before the next test starts, so that whoever survives a crash knows which test it was.
"""

import gc
import importlib
import os
import sys
import tempfile
import traceback
import unittest


def _id(test):
    # Some tests have an attribute of this name.
    return type(test).id(test)


class _Result(unittest.TestResult):
    def __init__(self, emit):
        super().__init__()
        self._emit = emit
        self._outcome = None

    def startTest(self, test):
        super().startTest(test)
        self._outcome = ("pass", "")
        self._emit("start", _id(test), "")

    def stopTest(self, test):
        super().stopTest(test)
        self._emit(self._outcome[0], _id(test), self._outcome[1])
        self._outcome = None

    def _set(self, test, kind, detail):
        if self._outcome is None:
            # setUpClass, setUpModule and the like are no tests, but they fail or skip all the same.
            self._emit(kind, _id(test), detail)
        elif self._outcome[0] != "fail":
            self._outcome = (kind, detail)

    def _failed(self, test, err):
        self._set(test, "fail", self._exc_info_to_string(err, test))

    def addError(self, test, err):
        self._failed(test, err)

    def addFailure(self, test, err):
        self._failed(test, err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self._set(test, "fail", f"{subtest}\n{self._exc_info_to_string(err, test)}")

    def addSkip(self, test, reason):
        self._set(test, "skip", reason)

    def addExpectedFailure(self, test, err):
        pass

    def addUnexpectedSuccess(self, test):
        self._set(test, "fail", "The test is marked as an expected failure, but it passes")


def _flat(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from _flat(test)
        else:
            yield test


def _without(suite, leave_out):
    """The same tree of suites without some tests: fixtures of classes and modules depend on the order."""
    kept = []
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            kept.append(_without(test, leave_out))
        elif not leave_out(_id(test)):
            kept.append(test)
    return type(suite)(kept)


def run(name, leave_out, only, emit):
    """Run `test.<name>`; call emit(kind, id, detail) with kind start, pass, fail, skip, or module for the module as a whole."""
    from fnmatch import fnmatchcase

    from test import support

    support.verbose = 0
    # None of the resources that a user has to ask for: network, sound, minutes of time.
    support.use_resources = []
    directory = os.path.realpath(tempfile.mkdtemp(prefix="test_python_"))
    os.chdir(directory)
    sys.path_importer_cache.clear()
    leave_out, only = list(leave_out), list(only)
    try:
        module = importlib.import_module(f"test.{name}")
        loader = unittest.TestLoader()
        suite = loader.loadTestsFromModule(module)
        if loader.errors:
            raise ImportError("\n".join(loader.errors))
    except unittest.SkipTest as e:
        emit("module", "skip", str(e))
        return
    except BaseException:
        emit("module", "fail", traceback.format_exc())
        return
    short = f"test.{name}."

    def is_left_out(test_id):
        plain = test_id.removeprefix(short)
        if only and not any(fnmatchcase(plain, pattern) for pattern in only):
            return True
        return any(fnmatchcase(plain, pattern) for pattern in leave_out)

    suite = _without(suite, is_left_out)
    gc.collect()
    result = _Result(lambda kind, test_id, detail: emit(kind, test_id.removeprefix(short), detail))
    try:
        suite.run(result)
    except unittest.SkipTest as e:
        emit("module", "skip", str(e))
        return
    except BaseException:
        emit("module", "fail", traceback.format_exc())
        return
    emit("module", "pass", str(result.testsRun))
