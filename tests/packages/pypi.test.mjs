/**
 * Real packages of the package index, unchanged: each is loaded with what it needs and does a bit of its work.
 * Not here: how they get in (load-package.test.mjs, micropip.test.mjs).
 */
import { test } from "../harness/registry.mjs";

/** Loads packages and compares what `code` gives, as JSON. */
function works(name, packages, code, expected, options = {}) {
  test(`PKG-13 ${name}`, { noLeakCheck: "packages stay loaded", timeout: 240, ...options }, async ({ load, index, assert }) => {
    const py = await load({ lockFileURL: `${index.origin}/lock.json`, packages });
    assert.deepEqual(JSON.parse(await py.runPythonAsync(`import json\n${code}`)), expected);
  });
}

works("pydantic", "pydantic", `
from pydantic import BaseModel, Field, ValidationError
class Item(BaseModel):
    name: str = Field(min_length=2)
    price: float
    tags: list[str] = []
item = Item.model_validate_json('{"name": "tea", "price": "3.5", "tags": ["a"]}')
try:
    Item(name="x", price="no")
except ValidationError as e:
    errors = [err["loc"][0] for err in e.errors()]
json.dumps([item.model_dump(), errors, Item.model_json_schema()["required"]])`, [{ name: "tea", price: 3.5, tags: ["a"] }, ["name", "price"], ["name", "price"]]);

works("jiter", "jiter", `
import jiter
try:
    jiter.from_json(b'{"a": [1, 2')
except ValueError as e:
    error = str(e)
json.dumps([jiter.from_json(b'{"a": [1, 2.5, null, "\\u00fc"]}'), jiter.from_json(b'{"a": [1, 2', partial_mode=True), "EOF" in error])`, [{ a: [1, 2.5, null, "ü"] }, { a: [1, 2] }, true]);

works("msgspec", "msgspec", `
import msgspec
class P(msgspec.Struct):
    x: int
    y: float = 0.5
p = msgspec.json.decode(b'{"x": 3}', type=P)
try:
    msgspec.json.decode(b'{"x": "no"}', type=P)
except msgspec.ValidationError as e:
    error = str(e)
json.dumps([p.x, p.y, msgspec.msgpack.decode(msgspec.msgpack.encode(p)), error])`, [3, 0.5, { x: 3, y: 0.5 }, "Expected `int`, got `str` - at `$.x`"]);

works("charset-normalizer, with its compiled part", "charset-normalizer", `
import charset_normalizer
best = charset_normalizer.from_bytes("Des élèves français très fatigués, où ça? Là-bas, déjà à l'été.".encode()).best()
json.dumps([charset_normalizer.md.__file__.endswith(".so"), best.encoding, "élèves" in str(best)])`, [true, "utf_8", true]);

works("attrs", "attrs", `
import attrs
@attrs.define
class C:
    x: int = attrs.field(validator=attrs.validators.instance_of(int))
    y: list = attrs.Factory(list)
json.dumps([attrs.asdict(C(1)), repr(C(2, [3]))])`, [{ x: 1, y: [] }, "C(x=2, y=[3])"]);

works("rich", "rich", `
import io
from rich.console import Console
from rich.table import Table
out = io.StringIO()
table = Table("Name", "Price")
table.add_row("tea", "[bold]3[/bold]")
Console(file=out, width=40).print(table)
json.dumps(["┃ Name ┃ Price ┃" in out.getvalue(), "│ tea  │ 3     │" in out.getvalue()])`, [true, true]);

works("sympy and mpmath", "sympy", `
import sympy
x = sympy.symbols("x")
json.dumps([str(sympy.integrate(sympy.sin(x) ** 2, x)), str(sympy.factor(x**2 - 1)), str(sympy.pi.n(20))])`, ["x/2 - sin(x)*cos(x)/2", "(x - 1)*(x + 1)", "3.1415926535897932385"]);

works("networkx", "networkx", `
import networkx as nx
g = nx.cycle_graph(6)
g.add_edge(0, 3)
json.dumps([len(nx.shortest_path(g, 1, 4)), nx.is_connected(g), nx.diameter(g)])`, [4, true, 3]);

works("beautifulsoup4", "beautifulsoup4", `
from bs4 import BeautifulSoup
soup = BeautifulSoup("<ul><li class=a>1<li class=b>2</ul>", "html.parser")
json.dumps([soup.select_one("li.b").text, [li["class"] for li in soup.find_all("li")]])`, ["2", [["a"], ["b"]]]);

works("snowballstemmer", "snowballstemmer", `
import snowballstemmer
json.dumps(snowballstemmer.stemmer("german").stemWords("Häuser laufen".split()))`, ["Haus", "lauf"]);

works("packaging", "packaging", `
from packaging.version import Version
from packaging.requirements import Requirement
json.dumps([Version("1.0rc1") < Version("1.0"), Requirement("a>=1; sys_platform == 'emscripten'").marker.evaluate()])`, [true, true]);

works("requests builds requests", ["requests", "urllib3", "idna", "certifi", "charset-normalizer"], `
import requests
r = requests.Request("POST", "https://h.example/x", params={"a": "1 2"}, json={"b": 3}).prepare()
json.dumps([r.url, r.body.decode(), r.headers["Content-Type"]])`, ["https://h.example/x?a=1+2", '{"b": 3}', "application/json"]);

works("httpx with a transport of its own", ["httpx", "httpcore", "h11", "anyio", "sniffio", "idna", "certifi"], `
import httpx
async def answer(request):
    return httpx.Response(200, json={"path": request.url.path})
async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
    response = await client.get("https://h.example/x/y")
json.dumps([response.status_code, response.json()])`, [200, { path: "/x/y" }]);

works("pytest runs inside", ["pytest"], `
import contextlib, io, pathlib, pytest, sys
folder = pathlib.Path("/tmp/suite")
folder.mkdir()
(folder / "test_it.py").write_text('''
import pytest
@pytest.fixture
def two(tmp_path):
    return 2
@pytest.mark.parametrize("n", [1, 2, 3])
def test_sum(n, two):
    assert n + two == 2 + n
def test_fails(two):
    assert two == 3
def test_skipped():
    pytest.skip("no")
''')
out = io.StringIO()
with contextlib.redirect_stdout(out):
    code = pytest.main(["-q", "-p", "no:cacheprovider", str(folder)])
text = out.getvalue()
json.dumps([int(code), "1 failed, 3 passed, 1 skipped" in text, "assert 2 == 3" in text])`, [1, true, true]);

works("sqlalchemy on sqlite3", "sqlalchemy", `
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship
class Base(DeclarativeBase): pass
class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    books: Mapped[list["Book"]] = relationship(back_populates="author")
class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(sa.ForeignKey("author.id"))
    author: Mapped[Author] = relationship(back_populates="books")
engine = sa.create_engine("sqlite:////tmp/books.db")
Base.metadata.create_all(engine)
with Session(engine) as session:
    session.add(Author(name="Ada", books=[Book(), Book()]))
    session.commit()
with Session(engine) as session:
    found = session.execute(sa.select(Author.name, sa.func.count(Book.id)).join(Book).group_by(Author.id)).all()
json.dumps([list(row) for row in found])`, [["Ada", 2]]);

works("apsw, which brings an SQLite of its own beside the distribution's", "apsw", `
import apsw, sqlite3
db = apsw.Connection(":memory:")
db.create_scalar_function("twice", lambda x: 2 * x)
db.execute("create virtual table t using fts5(body)")
db.execute("insert into t values ('tea and milk'), ('coffee')")
json.dumps([db.execute("select twice(21)").fetchall(), db.execute("select body from t where t match 'milk'").fetchall(), sqlite3.connect(":memory:").execute("select 1").fetchone()])`, [[[42]], [["tea and milk"]], [1]]);

works("hypothesis finds the smallest counterexample", "hypothesis", `
from hypothesis import given, settings, strategies as st
seen = []
@settings(database=None, derandomize=True)
@given(st.lists(st.integers()))
def is_short(values):
    if sum(values) >= 100:
        seen.append(values)
        raise AssertionError
try:
    is_short()
except AssertionError:
    pass
json.dumps(seen[-1])`, [100]);

works("cbor2, msgpack, bitarray, cytoolz: formats and structures in C, C++ and Cython", ["cbor2", "msgpack", "bitarray", "cytoolz"], `
import bitarray, cbor2, cytoolz, datetime, msgpack
moment = datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc)
value = {"a": [1, -2, 2**70, 1.5, None, True], "b": b"\\x00"}
small = {"a": [1, -2, 1.5, None], "t": msgpack.Timestamp(3, 4)}
json.dumps([cbor2.loads(cbor2.dumps(value)) == value, cbor2.loads(cbor2.dumps(moment)) == moment, msgpack.unpackb(msgpack.packb(small)) == small,
    bitarray.bitarray("110010").count(), cytoolz.groupby(len, ["a", "bb", "c"]), cytoolz.__file__.endswith(".py"), cytoolz.itertoolz.__file__.endswith(".so")])`, [true, true, true, 3, { 1: ["a", "c"], 2: ["bb"] }, true, true]);

works("css-inline and python-calamine, in Rust, the first for every Python (abi3)", ["css-inline", "python-calamine"], `
import css_inline, io, python_calamine
try:
    python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(b"no workbook"))
except Exception as e:
    error = type(e).__name__
try:
    css_inline.CSSInliner(base_url="no address")
except ValueError as e:
    refused = True
json.dumps(["color: red" in css_inline.inline("<style>p { color: red }</style><p>x"), error, refused])`, [true, "CalamineError", true]);

works("mypy: 230 side modules, one of them larger than what a page compiles at once", ["mypy", "mypy-extensions", "pathspec", "librt", "ast-serialize", "typing-extensions"], `
import mypy.api, mypy.nodes
report, problems, status = mypy.api.run(["-c", "x: int = 'a'", "--cache-dir=/dev/null"])
json.dumps([mypy.nodes.__file__.endswith(".so"), "Incompatible types in assignment" in report, problems, status])`, [true, true, "", 1]);

works("z3-solver, a library in C++ that Python loads with ctypes", "z3-solver", `
import z3
x, y = z3.Ints("x y")
solver = z3.Solver()
solver.add(x + y == 10, x > y, y > 2)
found = [str(solver.check()), solver.model()[x].as_long() + solver.model()[y].as_long()]
solver.add(x == y)
try:
    z3.parse_smt2_string("(assert")
except z3.Z3Exception as e:
    error = "error" in str(e)
json.dumps([*found, str(solver.check()), str(z3.simplify((x + 1) * 2 - x)), error])`, ["sat", 10, "unsat", "2 + x", true]);

works("python-flint: numbers of any size and precision, in side modules that use each other", "python-flint", `
import flint
try:
    flint.fmpz_mat([[1, 2], [2, 4]]).inv()
except ZeroDivisionError as e:
    error = "singular" in str(e)
json.dumps([str(flint.fmpz(2) ** 100), flint.fmpz(10**20 + 39).is_prime(), str(flint.fmpq(1, 3) + flint.fmpq(1, 6)), "3.1415926535" in str(flint.arb.pi()), str(flint.fmpz_poly([1, 2, 1]).factor()), error])`,
  ["1267650600228229401496703205376", 1, "1/2", true, "(1, [(x + 1, 2)])", true]);

works("uharfbuzz, uuid-utils, xxhash and luau-wasm: C++ and Rust, two of them for every Python (abi3), and another language's interpreter", ["uharfbuzz", "uuid-utils", "xxhash", "luau-wasm"], `
import luau_wasm, uharfbuzz, uuid_utils, xxhash
buffer = uharfbuzz.Buffer()
buffer.add_str("שלום")
buffer.guess_segment_properties()
try:
    luau_wasm.run("error('no')")
except luau_wasm.LuauError as e:
    error = "no" in str(e)
json.dumps([buffer.direction, buffer.script, len(buffer.glyph_infos), uuid_utils.uuid7().version, str(uuid_utils.uuid5(uuid_utils.NAMESPACE_DNS, "a.b")),
    xxhash.xxh64(b"a").hexdigest(), xxhash.xxh3_128_hexdigest(b"abc"), error])`, ["rtl", "Hebr", 4, 7, "0e7af403-ee0d-594b-ab31-08b1c687f2fa", "d24ec4f1a98c6e5b", "06b05ab6733a618578af5f94892f3950", true]);

test("PKG-13 flask: an application, with what it needs from the index and from the distribution", { noLeakCheck: "packages stay loaded", timeout: 240 }, async ({ load, index, assert }) => {
  const py = await load();
  await py.loadPackage("micropip", { messageCallback() {} });
  py.globals.set("ORIGIN", index.origin);
  const found = await py.runPythonAsync(`
import json, micropip
micropip.set_index_urls(ORIGIN + "/simple")
await micropip.install("flask")
import flask
app = flask.Flask("app")
app.secret_key = "k"
@app.route("/hello/<name>", methods=["POST"])
def hello(name):
    flask.session["seen"] = name
    return flask.render_template_string("{{ name }} {{ data.n + 1 }}", name=name, data=flask.request.get_json())
client = app.test_client()
answer = client.post("/hello/<b>", json={"n": 1})
json.dumps([answer.status_code, answer.text, "session" in answer.headers["Set-Cookie"], client.get("/nowhere").status_code, micropip.list()["markupsafe"].source])`);
  assert.deepEqual(JSON.parse(found), [200, "&lt;b&gt; 2", true, 404, "pyodide"]);
});

test("PKG-13 jinja2 from the index, markupsafe and pyyaml from the distribution", { noLeakCheck: "packages stay loaded", timeout: 240 }, async ({ load, index, assert }) => {
  const py = await load();
  await py.loadPackage(["micropip", "pyyaml"], { messageCallback() {} });
  py.globals.set("JINJA", `${index.origin}/files/${index.files.jinja2}`);
  const found = await py.runPythonAsync(`
import json, micropip, yaml
# The lock file is asked first, and has markupsafe.
await micropip.install(JINJA)
import jinja2, markupsafe
template = jinja2.Template("{% for n in names %}{{ n|upper }}{% if not loop.last %}, {% endif %}{% endfor %} {{ '<b>'|e }}")
json.dumps([template.render(names=["a", "b"]), str(markupsafe.escape("<&>")), yaml.safe_load("a: [1, 2.5, null]\\nb: {c: 'd'}"), yaml.safe_dump({"x": [1, {"y": None}]})])`);
  assert.deepEqual(JSON.parse(found), ["A, B &lt;b&gt;", "&lt;&amp;&gt;", { a: [1, 2.5, null], b: { c: "d" } }, "x:\n- 1\n- y: null\n"]);
});

test("PKG-06 PKG-13 Every compiled wheel of PyPI loads unchanged, and every side module in it imports", { noLeakCheck: "packages stay loaded", timeout: 240 }, async ({ load, index, assert }) => {
  // mypy, with its 230 modules, has a test of its own; librt imports mypy-extensions without saying so in its metadata.
  const compiled = Object.entries(index.files).filter(([name, file]) => file.endsWith("-pyemscripten_2026_0_wasm32.whl") && name !== "mypy").map(([name]) => name).sort();
  assert.ok(compiled.length >= 12, compiled.join(" "));
  const py = await load({ lockFileURL: `${index.origin}/lock.json`, packages: [...compiled, "mypy-extensions"] });
  py.globals.set("NAMES", py.toPy(compiled));
  const found = JSON.parse(await py.runPythonAsync(`
import base64, hashlib, importlib, importlib.metadata as metadata, json
found = {}
for name in NAMES:
    files = metadata.files(name)
    # What is there is what the authors recorded.
    changed = [str(f) for f in files if f.hash is not None and base64.urlsafe_b64encode(hashlib.new(f.hash.mode, f.read_binary()).digest()).decode().rstrip("=") != f.hash.value]
    modules = [str(f).removesuffix("".join(f.suffixes)).replace("/", ".").removesuffix(".__init__") for f in files if f.name.endswith((".cpython-314-wasm32-emscripten.so", ".abi3.so"))]
    for module in modules:
        importlib.import_module(module)
    found[name] = [changed, len(modules) > 0]
json.dumps(found)`));
  // What z3-solver brings is a library for ctypes.
  assert.deepEqual(found, Object.fromEntries(compiled.map((name) => [name, [[], name !== "z3-solver"]])));
});
