"""The event loop and its futures (PY-22 to PY-29, ASYNC-01 to ASYNC-06, ASYNC-11)."""

import asyncio
import contextvars
import gc
import signal
import subprocess
import sys
import unittest
import warnings

from pyodide.webloop import PyodideFuture, PyodideTask, WebLoop, WebLoopPolicy

from .fake_core import host


class Case(unittest.TestCase):
    def setUp(self):
        self.loop = asyncio.get_running_loop()
        self.reports = []
        self.loop.set_exception_handler(lambda loop, context: self.reports.append(context))

    def tearDown(self):
        self.loop.set_exception_handler(None)
        host.can_suspend = False
        host.run()
        self.assertEqual(self.reports, [])


class Running(Case):
    def test_classes(self):
        """PY-22, PY-27, PY-28, PY-29."""
        self.assertIsInstance(self.loop, WebLoop)
        self.assertIs(type(self.loop.create_future()), PyodideFuture)
        task = asyncio.ensure_future(asyncio.sleep(0))
        self.assertIs(type(task), PyodideTask)
        self.assertIsInstance(task, asyncio.Task)
        self.assertIsInstance(task, PyodideFuture)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.assertIsInstance(asyncio.get_event_loop_policy(), WebLoopPolicy)
        self.assertIsNot(asyncio.new_event_loop(), self.loop)

    def test_always_running(self):
        """ASYNC-01, ASYNC-06."""
        self.loop.close()
        self.loop.stop()
        self.assertTrue(self.loop.is_running())
        self.assertFalse(self.loop.is_closed())
        self.assertIs(asyncio.get_event_loop(), self.loop)

    def test_one_macrotask_for_a_batch(self):
        """ASYNC-03: never at once, and not a macrotask each."""
        seen = []
        before = host.scheduled
        for number in range(100):
            self.loop.call_soon(seen.append, number)
        self.assertEqual((seen, host.scheduled - before), ([], 1))
        self.loop.call_soon(lambda: self.loop.call_soon(seen.append, "later"))
        host.step()
        self.assertEqual(seen, list(range(100)))
        host.step()
        self.assertEqual(seen[-1], "later")
        self.assertEqual(host.scheduled - before, 2)

    def test_timers(self):
        seen = []
        now = self.loop.time()
        for delay in (0.02, 0.005, 0.01, 0, -1):
            self.loop.call_at(now + delay, seen.append, delay)
        cancelled = self.loop.call_later(0.001, seen.append, "cancelled")
        cancelled.cancel()
        host.run()
        self.assertEqual(seen, [-1, 0, 0.005, 0.01, 0.02])
        self.assertGreaterEqual(self.loop.time() - now, 0.019)
        self.assertRaises(TypeError, self.loop.call_later, None, print)

    def test_cancelled_timers_leave_nothing(self):
        """ASYNC-05: a cancelled timer keeps no process alive."""
        handles = [self.loop.call_later(3600 + number, print) for number in range(500)]
        for handle in handles:
            handle.cancel()
        host.run()
        self.assertEqual(self.loop._scheduled, [])
        self.assertIsNone(self.loop._timer_id)

    def test_wait_for_and_timeout(self):
        """ASYNC-05."""

        async def main():
            with self.assertRaises(TimeoutError):
                await asyncio.wait_for(asyncio.sleep(100), 0.001)
            async with asyncio.timeout(100):
                await asyncio.sleep(0)
            self.assertEqual(await asyncio.wait_for(asyncio.sleep(0, 5), 100), 5)

        host.finish(main())
        host.run()

    def test_sleep_zero(self):
        """ASYNC-04: no timer."""

        async def main():
            for _ in range(50):
                await asyncio.sleep(0)

        before = host.scheduled
        host.finish(main())
        self.assertLessEqual(host.scheduled - before, 55)

    def test_structured(self):
        async def main():
            queue = asyncio.Queue()

            async def produce():
                for number in range(3):
                    await queue.put(number)
                    await asyncio.sleep(0)

            async def consume():
                return [await queue.get() for _ in range(3)]

            async with asyncio.TaskGroup() as group:
                group.create_task(produce())
                consumer = group.create_task(consume())
            return consumer.result()

        self.assertEqual(host.finish(main()), [0, 1, 2])

    def test_contexts(self):
        variable = contextvars.ContextVar("variable", default=0)
        seen = []
        context = contextvars.copy_context()
        context.run(variable.set, 1)
        self.loop.call_soon(lambda: seen.append(variable.get()), context=context)
        self.loop.call_later(0, lambda: seen.append(variable.get()))
        host.run()
        self.assertEqual(sorted(seen), [0, 1])

    def test_errors_of_callbacks(self):
        self.loop.call_soon(lambda: 1 / 0)
        self.loop.call_soon(self.reports.append, "next")
        host.run()
        context, after = self.reports
        self.assertIsInstance(context["exception"], ZeroDivisionError)
        self.assertEqual(after, "next")
        self.reports.clear()

    def test_interrupts_of_callbacks_reach_the_host(self):
        def interrupt():
            raise KeyboardInterrupt

        seen = []
        self.loop.call_soon(interrupt)
        self.loop.call_soon(seen.append, 1)
        with self.assertRaises(KeyboardInterrupt):
            host.step()
        host.run()
        self.assertEqual(seen, [1])

    def test_task_factory(self):
        made = []

        def factory(loop, coro, **kwargs):
            made.append(kwargs)
            return asyncio.Task(coro, loop=loop, **kwargs)

        self.assertIsNone(self.loop.get_task_factory())
        self.loop.set_task_factory(factory)
        try:
            self.assertIs(type(self.loop.create_task(asyncio.sleep(0), name="x")), asyncio.Task)
        finally:
            self.loop.set_task_factory(None)
        self.assertEqual(made[0]["name"], "x")

    def test_eager_tasks(self):
        async def give():
            return 5

        task = self.loop.create_task(give(), eager_start=True)
        self.assertEqual(task.result(), 5)

    def test_executor(self):
        """There are no threads: what an executor would do is done at once."""
        from concurrent.futures import ThreadPoolExecutor

        async def main():
            self.assertEqual(await self.loop.run_in_executor(None, max, 1, 2), 2)
            self.assertEqual(await self.loop.run_in_executor(ThreadPoolExecutor(), max, 1, 2), 2)
            self.assertEqual(await asyncio.to_thread(max, 1, 2), 2)
            with self.assertRaises(ZeroDivisionError):
                await self.loop.run_in_executor(None, lambda: 1 / 0)
            await self.loop.shutdown_default_executor()

        host.finish(main())

    def test_asynchronous_generators_are_closed(self):
        closed = []

        async def numbers():
            try:
                yield 1
            finally:
                await asyncio.sleep(0)
                closed.append(1)

        async def main():
            async for _ in numbers():
                break
            gc.collect()
            await asyncio.sleep(0.001)
            left = numbers()
            await anext(left)
            await self.loop.shutdown_asyncgens()

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            host.finish(main())
            host.finish(main())
        self.assertEqual(closed, [1, 1, 1, 1])

    def test_signals(self):
        """ASYNC-15."""
        seen = []
        self.loop.add_signal_handler(signal.SIGUSR1, seen.append, 1)
        signal.raise_signal(signal.SIGUSR1)
        self.assertEqual(seen, [])
        host.run()
        self.assertEqual(seen, [1])
        self.assertTrue(self.loop.remove_signal_handler(signal.SIGUSR1))
        self.assertFalse(self.loop.remove_signal_handler(signal.SIGUSR1))
        self.assertEqual(signal.getsignal(signal.SIGUSR1), signal.SIG_DFL)

    def test_debug_mode(self):
        self.loop.set_debug(True)
        try:
            self.assertEqual(host.finish(asyncio.sleep(0.001, 5)), 5)
            self.assertRaises(TypeError, self.loop.call_soon, 5)
        finally:
            self.loop.set_debug(False)


class Blocking(Case):
    def test_run_until_complete_that_cannot_block(self):
        """ASYNC-02."""
        future = self.loop.run_until_complete(asyncio.sleep(0, 5))
        self.assertFalse(future.done())
        self.assertEqual(host.finish(future), 5)
        self.assertEqual(self.loop.run_until_complete(future), 5)
        self.assertIsNone(self.loop.run_forever())
        task = asyncio.run(asyncio.sleep(0, 6))
        self.assertEqual(host.finish(task), 6)

    def test_run_until_complete_that_blocks(self):
        """ASYNC-13."""
        host.can_suspend = True
        other = asyncio.ensure_future(asyncio.sleep(0.001, "other"))
        self.assertEqual(self.loop.run_until_complete(asyncio.sleep(0.005, 5)), 5)
        self.assertEqual(other.result(), "other")
        self.assertEqual(asyncio.run(asyncio.sleep(0, 6), debug=True), 6)
        self.assertFalse(self.loop.get_debug())
        self.loop.call_later(0.001, self.loop.stop)
        self.loop.run_forever()
        self.assertIs(asyncio.get_running_loop(), self.loop)

    def test_runner(self):
        host.can_suspend = True
        seen = []

        async def main():
            seen.append(asyncio.get_running_loop())
            await asyncio.sleep(0.001)
            self.assertIs(asyncio.get_running_loop(), seen[-1])
            return 5

        async def outer():
            with asyncio.Runner() as runner:
                return runner.run(main()), runner.run(main())

        other = asyncio.ensure_future(asyncio.sleep(0.003))
        self.assertEqual(host.finish(outer()), (5, 5))
        self.assertIs(seen[0], seen[1])
        self.assertIsNot(seen[0], self.loop)
        self.assertIs(asyncio.get_running_loop(), self.loop)
        host.finish(other)
        host.can_suspend = False
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with self.assertRaisesRegex(RuntimeError, "cannot block here"):
                asyncio.Runner().run(main())

    def test_syncify(self):
        """PY-26."""
        host.can_suspend = True
        self.assertEqual(asyncio.ensure_future(asyncio.sleep(0.001, 5)).syncify(), 5)

    def test_a_suspended_callback_holds_up_none(self):
        host.can_suspend = True
        seen = []

        def slow():
            self.loop.run_until_complete(asyncio.sleep(0.005))
            seen.append("slow")

        self.loop.call_soon(slow)
        self.loop.call_soon(seen.append, "fast")
        host.run()
        self.assertEqual(seen, ["fast", "slow"])


class Promises(Case):
    def finish(self, future):
        return host.finish(future)

    def make(self, result=None, error=None):
        future = self.loop.create_future()
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)
        return future

    def test_then(self):
        """PY-23: results are awaited again and again."""

        async def add(value):
            async def more():
                return value + 1

            return more()

        self.assertEqual(self.finish(self.make(1).then(lambda value: value + 1)), 2)
        self.assertEqual(self.finish(self.make(1).then(add)), 2)
        self.assertEqual(self.finish(self.make(1).then(None)), 1)
        self.assertEqual(self.finish(self.make(error=KeyError("k")).then(None, lambda error: error.args)), ("k",))
        with self.assertRaises(KeyError):
            self.finish(self.make(error=KeyError("k")).then(add))
        with self.assertRaises(ZeroDivisionError):
            self.finish(self.make(1).then(lambda value: value / 0))
        task = asyncio.ensure_future(asyncio.sleep(0, 3))
        self.assertEqual(self.finish(task.then(lambda value: value + 1)), 4)

    def test_catch(self):
        """PY-24."""
        self.assertEqual(self.finish(self.make(error=KeyError("k")).catch(lambda error: 5)), 5)
        self.assertEqual(self.finish(self.make(7).catch(lambda error: 5)), 7)

    def test_finally(self):
        """PY-25."""
        seen = []
        self.assertEqual(self.finish(self.make(7).finally_(lambda: seen.append(1))), 7)
        with self.assertRaises(KeyError):
            self.finish(self.make(error=KeyError("k")).finally_(lambda: seen.append(2)))
        self.assertEqual(seen, [1, 2])

        async def slow():
            await asyncio.sleep(0.001)
            seen.append(3)

        self.assertEqual(self.finish(self.make(7).finally_(slow)), 7)
        self.assertEqual(seen, [1, 2, 3])
        with self.assertRaises(ZeroDivisionError):
            self.finish(self.make(7).finally_(lambda: 1 / 0))

    def test_cancellation(self):
        future = self.loop.create_future()
        following = future.then(lambda value: value)
        caught = future.then(None, lambda error: type(error))
        future.cancel()
        host.run()
        self.assertTrue(following.cancelled())
        self.assertIs(caught.result(), asyncio.CancelledError)
        ignored = self.make(1).then(lambda value: asyncio.sleep(0.001))
        ignored.cancel()
        host.run()

    def test_stop_iteration(self):
        def stop(_):
            raise StopIteration

        with self.assertRaisesRegex(RuntimeError, "raised StopIteration"):
            self.finish(self.make(1).then(stop))


class BlockingLoops(unittest.TestCase):
    """The loop of the `python` command, in a Python of its own."""

    def run_script(self, script):
        start = "import tests.fake_core, _pyodide._importhook\n_pyodide._importhook.use_host()\nimport asyncio\n"
        # asyncio may be there already when unittest is: then it is installed again.
        start += "from _pyodide._blocking_loop import install\ninstall()\n"
        done = subprocess.run([sys.executable, "-c", start + script], capture_output=True, text=True)
        return done.stdout + done.stderr

    def test_asyncio_run(self):
        script = (
            "async def f():\n  await asyncio.sleep(0.01)\n  return await asyncio.to_thread(max, 1, 2)\n"
            "print(asyncio.run(f()), asyncio.run(f()))\n"
            "try: asyncio.get_running_loop()\nexcept RuntimeError as e: print(e)"
        )
        self.assertEqual(self.run_script(script), "2 2\nno running event loop\n")

    def test_nothing_to_wait_for(self):
        script = "async def f(): await asyncio.get_running_loop().create_future()\nasyncio.run(f())"
        self.assertIn("RuntimeError: The event loop waits for something that cannot happen", self.run_script(script))
