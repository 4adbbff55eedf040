// An extension module that calls Python through functions which it exports and imports: inline ones and a template, as pybind11 has.
#include "capi.h"
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
