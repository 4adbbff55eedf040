"""What the build with counters runs: a bit of everything that Python programs do, so that the compiler knows which code is hot.

Deterministic: no random numbers without a seed; time, environment and hash seed are those of `counters.js`. Not a benchmark, and not
to be tuned for one: breadth counts, seconds do not.
"""

import abc
import array
import ast
import asyncio
import base64
import binascii
import bisect
import collections
import contextlib
import copy
import csv
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import heapq
import importlib.util
import inspect
import io
import itertools
import json
import logging
import marshal
import operator
import pathlib
import pickle
import random
import re
import statistics
import string
import struct
import textwrap
import traceback
import types
import typing
import unicodedata
import unittest
import urllib.parse
import xml.etree.ElementTree as ElementTree
import zipfile
import zipimport
import zlib

import _sha2

TEXT = inspect.getsource(textwrap) + inspect.getsource(json.decoder)


@dataclasses.dataclass(order=True)
class Item:
    weight: float
    name: str
    tags: list = dataclasses.field(default_factory=list)

    @property
    def label(self):
        return f"{self.name}:{self.weight:.2f}"

    def __hash__(self):
        return hash(self.name)


class Account:
    __slots__ = ("owner", "balance", "history")
    limit = 100

    def __init__(self, owner, balance=0):
        self.owner = owner
        self.balance = balance
        self.history = []

    def move(self, amount, *notes, **details):
        if self.balance + amount < -self.limit:
            raise ValueError(f"{self.owner} has not enough")
        self.balance += amount
        self.history.append((amount, notes, details))
        return self

    @classmethod
    def named(cls, name):
        return cls(name)

    @staticmethod
    def fee(amount):
        return amount // 10 if amount > 10 else 1


class Savings(Account):
    def move(self, amount, *notes, **details):
        return super().move(amount - self.fee(abs(amount)), *notes, **details)


class Color(enum.Enum):
    RED = 1
    GREEN = 2


def objects():
    random_ = random.Random(1)
    accounts = [Account(f"a{n}") for n in range(30)] + [Savings.named(f"s{n}") for n in range(30)]
    refused = 0
    for n in range(6000):
        account = accounts[random_.randrange(len(accounts))]
        try:
            account.move(random_.randint(-60, 60), n, kind="x" if n % 2 else "y")
        except ValueError:
            refused += 1
        else:
            if isinstance(account, Savings) and hasattr(account, "history"):
                getattr(account, "balance")
    items = [Item(random_.random(), f"n{n}", [n]) for n in range(800)]
    ranked = sorted(items) + sorted(items, key=lambda item: item.label) + sorted(items, key=operator.attrgetter("name"), reverse=True)
    groups = collections.defaultdict(list)
    for item in ranked:
        groups[item.name[:2]].append(item)
    return refused, {name: sum(item.weight for item in group) for name, group in groups.items()}, Color(1), Color["GREEN"]


def numbers():
    primes = [n for n in range(2, 1500) if all(n % d for d in range(2, int(n**0.5) + 1))]
    x, total, bits = 0.1, 0.0, 0
    for n in range(30000):
        x = 3.7 * x * (1 - x)
        total += x / (n + 1) - abs(x - 0.5) ** 2
        bits ^= (n << (n & 15)) | (bits >> 3)
        bits &= 0xFFFFFFFF
        if n % 3 == 0 and not n & 1:
            total = round(total, 9)
        elif -n < 5 <= n:
            total += divmod(n, 7)[1]
    matrix = [[(i * j) % 11 for j in range(24)] for i in range(24)]
    product = [[sum(a * b for a, b in zip(row, column)) for column in zip(*matrix)] for row in matrix]
    big = functools.reduce(operator.mul, range(1, 400))
    decimal.getcontext().prec = 40
    return (len(primes), total, bits, product[3][4], big % 10**9 + 7, len(str(big)), pow(3, 10**6, 10**9 + 7), max(primes), min(primes),
            sum(decimal.Decimal(n).sqrt() for n in range(60)), sum(fractions.Fraction(1, n) for n in range(1, 40)), statistics.stdev(primes),
            int("123456789" * 4), float("1.5e3"), complex(1, 2) * 3j, struct.pack("<IdH", 1, 2.0, 3), hex(bits), bin(bits))


def texts():
    words = re.findall(r"[A-Za-z_]\w*", TEXT)
    counts = collections.Counter(word.lower() for word in words)
    lines = [line.strip().replace("    ", "\t") for line in TEXT.splitlines() if line and not line.isspace()]
    joined = "\n".join(f"{n:>5} {line!r:.60}" for n, line in enumerate(lines))
    changed = re.sub(r"(\w+)\((.*?)\)", lambda match: f"{match[2]}<{match[1]}>", TEXT)
    greek = "".join(chr(0x391 + n % 24) for n in range(3000))
    table = str.maketrans("aeiou", "AEIOU")
    found = [line.find("self") for line in lines] + [line.startswith(("def", "class")) for line in lines] + [line.split("=", 1) for line in lines]
    encoded = [text.encode(encoding, "replace") for text in (TEXT, greek, changed) for encoding in ("utf-8", "latin-1", "ascii", "utf-16")]
    decoded = [data.decode("utf-8", "replace") for data in encoded]
    return (counts.most_common(5), len(joined), changed.count("<"), TEXT.translate(table)[:5], greek.lower()[:3], found[:2], len(decoded),
            "%s %d %5.2f %r" % ("a", 1, 2.5, "b"), string.Template("$a").substitute(a=1), textwrap.fill(TEXT[:3000], 60), "é".casefold().isidentifier(),
            base64.b64encode(encoded[0])[:4], _sha2.sha256(encoded[0]).hexdigest(), zlib.crc32(zlib.decompress(zlib.compress(encoded[0]))))


def containers():
    table = {n * 7919 % 1009: str(n) for n in range(4000)}
    names = {f"k{n}": n for n in range(2000)}
    for n in range(8000):
        names[f"k{n % 2500}"] = names.get(f"k{n % 3000}", 0) + 1
    for key in list(names)[::3]:
        del names[key]
    left, right = set(table), {n for n in range(500)}
    queue, heap = collections.deque(maxlen=50), []
    for n in range(5000):
        queue.append(n)
        heapq.heappush(heap, (n * 31) % 97)
        if n % 2:
            heapq.heappop(heap)
            queue.popleft()
    stack = []
    for n in range(20000):
        stack.append((n, n + 1))
        if len(stack) > 30:
            a, b = stack.pop()
            stack[-1] = (b, a)
            del stack[:5]
    first, *middle, last = stack
    merged = {**names, "x": first, **dict(zip("abc", itertools.count()))}
    slices = [stack[1:4], stack[::-1], stack[-3:], [*middle, last], (*stack, 1)]
    sorted_ = sorted(table.items(), key=lambda pair: (pair[1], -pair[0]))
    return (len(left & right), len(left ^ right), left >= right, len(merged), len(slices), sorted_[0], bisect.bisect(sorted(table), 7),
            list(itertools.islice(itertools.groupby(sorted(left), lambda n: n // 100), 3))[0][0], copy.deepcopy(slices[0]), any(left), all(left))


def generators():
    def walk(tree):
        if tree is not None:
            left, value, right = tree
            yield from walk(left)
            yield value
            yield from walk(right)

    def build(low, high):
        if low >= high:
            return None
        middle = (low + high) // 2
        return build(low, middle), middle, build(middle + 1, high)

    @contextlib.contextmanager
    def noted(notes):
        notes.append(1)
        try:
            yield notes
        finally:
            notes.append(-1)

    notes = []
    for n in range(600):
        with contextlib.suppress(KeyError), noted(notes):
            if n % 3 == 0:
                raise KeyError(n)
    return sum(walk(build(0, 3000))), sum(n * n for n in range(9000) if n % 3), sum(notes), sum(map(len, filter(None, ["a", "", "bc"] * 900)))


def errors():
    def fail(depth):
        if depth == 0:
            raise LookupError("deep")
        return fail(depth - 1)

    seen = 0
    for n in range(1500):
        try:
            try:
                if n % 2:
                    fail(n % 9)
                {}["missing"]
            except KeyError as error:
                raise TypeError("worse") from error
        except (TypeError, LookupError) as error:
            seen += len(error.args)
        finally:
            seen += 1
    try:
        fail(5)
    except LookupError:
        return seen, len(traceback.format_exc())


@functools.lru_cache(maxsize=None)
def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def calls():
    def plain(n):
        return n if n < 2 else plain(n - 1) + plain(n - 2)

    def flexible(a, b=2, /, c=3, *rest, d=4, **more):
        return a + b + c + d + len(rest) + len(more)

    total = plain(18) + fibonacci(80) % 1000
    counter = itertools.count()
    for n in range(4000):
        total += flexible(n) + flexible(n, n) + flexible(n, c=1) + flexible(n, 1, 2, 3, 4, d=1, e=2) + next(counter)
        total += len((n,)) + abs(-n) + ord("x") + isinstance(n, int) + max(n, 3) + int(str(n)) + bool(n) + hash(n) % 3
        total += functools.partial(flexible, 1)(n) + (lambda x, y=1: x + y)(n)
    return total


class Idle:
    """A selector that has nothing to wait for."""

    def select(self, timeout):
        return []


class Loop(asyncio.BaseEventLoop):
    def __init__(self):
        super().__init__()
        self._selector = Idle()

    def _process_events(self, events):
        pass

    def _write_to_self(self):
        pass


async def asynchronous():
    async def step(n):
        return n + 1

    async def count(n):
        for i in range(n):
            yield i

    async def worker(queue, results, semaphore):
        while (n := await queue.get()) is not None:
            async with semaphore:
                await asyncio.sleep(0)
                results.append(n)

    total = 0
    for n in range(3000):
        total += await step(n)
    async for n in count(3000):
        total += n
    queue, results, semaphore = asyncio.Queue(), [], asyncio.Semaphore(2)
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(worker(queue, results, semaphore))
        for n in [*range(300), None, None, None]:
            await queue.put(n)
    loop = asyncio.get_running_loop()
    futures = [loop.create_future() for _ in range(300)]
    for future in futures:
        loop.call_soon(future.set_result, 1)
    total += sum(await asyncio.gather(*futures, *(step(n) for n in range(100))))
    try:
        await asyncio.wait_for(loop.create_future(), 0.01)
    except TimeoutError:
        pass
    return total, len(results)


def events():
    loop = Loop()
    try:
        return loop.run_until_complete(asynchronous())
    finally:
        loop.close()


class Shape(abc.ABC):
    registry = {}

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        cls.registry[cls.__name__] = cls

    @abc.abstractmethod
    def area(self): ...


class Square(Shape):
    def __init__(self, side):
        self.side = side

    def area(self):
        return self.side**2

    def __eq__(self, other):
        return isinstance(other, Square) and self.side == other.side

    def __lt__(self, other):
        return self.area() < other.area()

    def __hash__(self):
        return hash((Square, self.side))

    def __add__(self, other):
        return Square(self.side + other.side)

    def __getattr__(self, name):
        if name.startswith("twice_"):
            return 2 * getattr(self, name[6:])
        raise AttributeError(name)

    def __len__(self):
        return int(self.side)

    def __getitem__(self, index):
        if index >= self.side:
            raise IndexError(index)
        return index

    def __contains__(self, item):
        return 0 <= item < self.side

    def __bool__(self):
        return self.side > 0

    def __call__(self, factor):
        return Square(self.side * factor)


def classes():
    squares = [Square(n % 17) for n in range(1200)]
    total = functools.reduce(operator.add, squares)
    seen = set(squares)
    sizes = [square.twice_side + len(square) + sum(square) + (3 in square) for square in squares]
    missing = sum(getattr(square, "other", 0) is None or not hasattr(square, "nothing") for square in squares)
    kinds = [type(f"Made{n}", (Square,), {"size": property(lambda self: self.side), "__slots__": ("x",)})(n) for n in range(60)]
    pairs = [isinstance(kind, Shape) and issubclass(type(kind), (int, Shape)) and kind.size for kind in kinds]
    names = collections.namedtuple("names", "first second")
    tuples = [names(n, second=str(n))._replace(first=2) for n in range(600)]
    modes = enum.IntFlag("modes", "READ WRITE RUN")
    flags = [modes.READ | modes.WRITE if n % 2 else modes(n % 8) & ~modes.RUN for n in range(300)]

    def kind_of(value):
        match value:
            case int() | float():
                return "number"
            case [first, *rest]:
                return len(rest)
            case {"name": str(name), **more}:
                return name
            case Square(side=side) if side > 3:
                return side
            case None:
                return "none"
        return "other"

    found = [kind_of(value) for value in [1, 2.5, [1, 2], (), {"name": "x", "y": 1}, {}, squares[9], squares[1], None, "text"] * 80]
    return total.side, len(seen), sum(sizes), missing, sum(pairs), max(squares).side, sorted(squares)[-1](2).side, tuples[-1], flags[-1], len(found)


def binary():
    data = bytearray(TEXT.encode())
    for n in range(3000):
        data[n] ^= n & 0x7F
        data.append(n & 255)
    view = memoryview(data)
    parts = [bytes(view[n : n + 16]) for n in range(0, 8000, 16)]
    joined = b"".join(parts)
    values = array.array("d", (n / 3 for n in range(3000)))
    packed = struct.pack(f"<{len(values)}d", *values)
    restored = sum(struct.unpack(f"<{len(values)}d", packed)) + sum(values) + sum(memoryview(packed).cast("d")[:10])
    records = [struct.unpack_from("<HIB", joined, n)[1] for n in range(0, 3500, 7)]
    found = joined.count(b"a"), joined.find(b"def"), joined.replace(b"e", b"EE").split(b"E"), joined.translate(bytes(range(256))), joined.hex()
    numbers = [int.from_bytes(part, "little") for part in parts]
    back = [number.to_bytes(16, "big") for number in numbers]
    return restored, len(records), len(found), binascii.crc32(joined), back[0], [byte for byte in joined[:2000] if byte > 64][:2]


def languages():
    words = ["größer", "αβγδ", "привет", "日本語テキスト", "نص", "🙂 emoji 🙃", "naïve café", "plain"] * 40
    joined = " ".join(words)
    changed = [word.upper() + word[::-1] + word.title() + word.replace(word[0], "x") for word in words]
    encoded = [word.encode(encoding, "backslashreplace") for word in words for encoding in ("utf-8", "utf-16", "latin-1")]
    decoded = [data.decode("utf-8", "surrogateescape") for data in encoded]
    normal = {unicodedata.normalize(form, joined) for form in ("NFC", "NFD", "NFKC")}
    kinds = collections.Counter(unicodedata.category(letter) for letter in joined)
    lines = io.StringIO("\n".join(changed)).readlines()
    formatted = [f"{word:>12}|{word!a:<20}|{number:+,.3e}|{number:08.2f}|{int(number):_x}" for number, word in enumerate(words)]
    return len(changed), len(decoded), len(normal), kinds.most_common(1), len(lines), len(formatted), joined.split(), re.findall(r"\w+", joined)[:3]


def formats():
    data = {"list": [1, 2.5, None, True, "text \u00e9 \n"] * 60, "nested": [{"a": {"b": [n]}} for n in range(200)]}
    for _ in range(6):
        data = json.loads(json.dumps(data))
        data = pickle.loads(pickle.dumps(data))
    sheet = io.StringIO()
    csv.writer(sheet).writerows([[n, f"v{n}", n / 3] for n in range(500)])
    sheet.seek(0)
    rows = list(csv.DictReader(sheet, fieldnames=["a", "b", "c"]))
    tree = ElementTree.fromstring("<r>" + "".join(f"<i n='{n}'>t{n}</i>" for n in range(300)) + "</r>")
    parsed = [urllib.parse.urlsplit(f"https://host{n}/p?q={n}#f") for n in range(100)]
    day = datetime.datetime(2026, 1, 1)
    days = [(day + datetime.timedelta(hours=n)).isoformat() for n in range(300)]
    stream = io.BytesIO(b"line of bytes\n" * 500)
    text = io.TextIOWrapper(stream, encoding="utf-8")
    lines = sum(len(line) for line in text)
    logger = logging.Logger("workload")
    logger.addHandler(logging.NullHandler())
    for n in range(300):
        logger.warning("value %s", n)
    return (len(rows), len(ElementTree.tostring(tree)), parsed[3].path, [datetime.datetime.fromisoformat(text) for text in days][5], lines,
            pathlib.PurePosixPath("/a/b/../c.txt").with_suffix(".py").parts)


def compiling():
    source = inspect.getsource(dataclasses)
    tree = ast.parse(source)
    names = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
    code = compile(ast.unparse(tree), "<workload>", "exec")
    exec(code, {"__name__": "workload"})
    return len(names), len(list(inspect.signature(dataclasses.dataclass).parameters)), typing.get_type_hints(Item)


def modules():
    """What a start and an import do: code is unmarshalled and run, archives are read."""
    code = [compile(inspect.getsource(module), module.__name__, "exec") for module in (textwrap, csv, bisect, copy, string)]
    for _ in range(4):
        code = marshal.loads(marshal.dumps(code))
        for body in code:
            exec(body, {"__name__": "workload"})
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        for n in range(40):
            files.writestr(f"module_{n}.py", f"value = {n}\ndef function(a, b={n}):\n    return a + b + value\n")
    pathlib.Path("/tmp/modules.zip").write_bytes(archive.getvalue())
    importer = zipimport.zipimporter("/tmp/modules.zip")
    total = 0
    for n in range(40):
        spec = importer.find_spec(f"module_{n}")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        total += module.function(n)
    return total


class Tests(unittest.TestCase):
    def test_all(self):
        for n in range(100):
            with self.subTest(n=n):
                self.assertEqual(n, n)
                self.assertIn(n, range(100))


def main():
    for _ in range(30):
        for work in (objects, numbers, texts, containers, generators, errors, calls, events, classes, binary, languages, formats):
            work()
    for work in (compiling, modules):
        work()
    unittest.TextTestRunner(stream=io.StringIO()).run(unittest.defaultTestLoader.loadTestsFromTestCase(Tests))
    types.SimpleNamespace(a=1)


if __name__ == "__main__":
    main()
