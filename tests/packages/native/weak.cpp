// An extension module that calls Python through functions which it exports and imports: inline ones and a template, as pybind11 has. What it
// uses of the C API is declared here.
extern "C" {
struct Object;
struct Method { const char *name; Object *(*call)(Object *, Object *); int flags; const char *text; };
struct Definition { long references; void *type; void *init; long index; void *copy; const char *name, *text; long size; Method *methods; void *rest[4]; };
Object *PyModule_Create2(Definition *, int);
Object *PyObject_CallNoArgs(Object *);
Object *PyLong_FromLong(long);
Object *PyFloat_FromDouble(double);
double PyFloat_AsDouble(Object *);
long PyLong_AsLong(Object *);
}
template <class Function, class Value> __attribute__((noinline)) Value through(Function function, Value value) { return function(value); }
inline __attribute__((noinline)) long long wide(long long a, float b, double c) { return a + (long long)(b * c); }
static Object *call(Object *, Object *function) { return through(PyObject_CallNoArgs, function); }
static Object *count(Object *, Object *number) {
  long sum = 0;
  for (long left = PyLong_AsLong(number); left > 0; left--) sum += through(+[](long n) { return n & 1; }, left);
  return PyLong_FromLong(sum);
}
static Object *mixed(Object *, Object *number) { return PyFloat_FromDouble(through(+[](double n) { return (double)wide(1LL << 40, 0.5f, n); }, PyFloat_AsDouble(number))); }
// METH_O
static Method methods[] = {{"call", call, 8, nullptr}, {"count", count, 8, nullptr}, {"mixed", mixed, 8, nullptr}, {nullptr, nullptr, 0, nullptr}};
static Definition definition = {1, nullptr, nullptr, 0, nullptr, "weak", nullptr, -1, methods, {}};
extern "C" __attribute__((visibility("default"))) Object *PyInit_weak(void) { return PyModule_Create2(&definition, 1013); }
