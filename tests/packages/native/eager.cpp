// An extension module whose constructor calls Python.
#include "capi.h"
static Object *found;
__attribute__((constructor)) static void start(void) { found = PyObject_CallNoArgs(PyDict_GetItemString(PyEval_GetBuiltins(), "pyox_on_load")); }
static Object *result(Object *, Object *) {
  Py_IncRef(found);
  return found;
}
// METH_NOARGS
static Method methods[] = {{"result", result, 4, nullptr}, {nullptr, nullptr, 0, nullptr}};
static Definition definition = {1, nullptr, nullptr, 0, nullptr, "eager", nullptr, -1, methods, {}};
extern "C" __attribute__((visibility("default"))) Object *PyInit_eager(void) { return PyModule_Create2(&definition, 1013); }
