// What the modules here use of the C API of CPython 3.14.
extern "C" {
struct Object;
struct Method { const char *name; Object *(*call)(Object *, Object *); int flags; const char *text; };
struct Definition { long references; void *type; void *init; long index; void *copy; const char *name, *text; long size; Method *methods; void *rest[4]; };
Object *PyModule_Create2(Definition *, int);
Object *PyObject_CallNoArgs(Object *);
Object *PyEval_GetBuiltins(void);
Object *PyDict_GetItemString(Object *, const char *);
void Py_IncRef(Object *);
Object *PyLong_FromLong(long);
Object *PyFloat_FromDouble(double);
double PyFloat_AsDouble(Object *);
long PyLong_AsLong(Object *);
}
