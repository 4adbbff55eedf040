// An extension module whose constructor calls Python.
extern "C" {
struct Object;
struct Method { const char *name; Object *(*call)(Object *, Object *); int flags; const char *text; };
struct Definition { long references; void *type; void *init; long index; void *copy; const char *name, *text; long size; Method *methods; void *rest[4]; };
Object *PyModule_Create2(Definition *, int);
Object *PyObject_CallNoArgs(Object *);
Object *PyEval_GetBuiltins(void);
Object *PyDict_GetItemString(Object *, const char *);
void Py_IncRef(Object *);
}
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
