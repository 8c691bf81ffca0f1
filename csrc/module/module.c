/* _native: cffi's module, joined by the message type and the hot calls written against Python. */
#include "module.h"

PyObject *sn_cffi_init(void); /* cffi's PyInit, renamed by build_ffi.py */

static PyObject *closed_error;

PyObject *sn_raise_closed(const sn_engine *engine)
{
    PyErr_SetString(closed_error != NULL ? closed_error : PyExc_ValueError,
                    sn_closed_reason(engine));
    return NULL;
}

sn_engine *sn_engine_argument(PyObject *address)
{
    sn_engine *engine = PyLong_AsVoidPtr(address);
    if (engine == NULL && !PyErr_Occurred())
        PyErr_SetString(PyExc_ValueError, "no engine");
    return engine;
}

bool sn_int_argument(PyObject *value, const char *what, long long low, long long high, long long *out)
{
    int overflow;
    if (!PyLong_Check(value)) {
        PyObject *number = PyIndex_Check(value) ? PyNumber_Index(value) : NULL; /* numpy's ints too */
        bool good = number != NULL && sn_int_argument(number, what, low, high, out);
        Py_XDECREF(number);
        if (!good && !PyErr_Occurred())
            PyErr_Format(PyExc_TypeError, "%s must be an int, not %R", what, (PyObject *)Py_TYPE(value));
        return good;
    }
    *out = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow != 0 || *out < low || *out > high) {
        PyErr_Format(PyExc_ValueError, "%s must be from %lld to %lld, not %R", what, low, high, value);
        return false;
    }
    return true;
}

/* Every import of steamnet asks this, also where Python copies a module that it has loaded. */
static bool in_main_interpreter(void)
{
    bool main = PyInterpreterState_GetID(PyInterpreterState_Get()) == 0;
    if (!main)
        PyErr_SetString(PyExc_ImportError, "steamnet works in Python's main interpreter only");
    return main;
}

static PyObject *set_closed_error(PyObject *module, PyObject *error)
{
    PyObject *old = closed_error;
    (void)module;
    if (!in_main_interpreter())
        return NULL;
    closed_error = Py_NewRef(error);
    Py_XDECREF(old);
    Py_RETURN_NONE;
}

static PyObject *set_identity_type(PyObject *module, PyObject *type)
{
    (void)module;
    if (!in_main_interpreter())
        return NULL;
    if (!PyType_Check(type) || !PyType_IsSubtype((PyTypeObject *)type, &PyUnicode_Type)) {
        PyErr_SetString(PyExc_TypeError, "an identity is a kind of str");
        return NULL;
    }
    sn_message_identity_type(type);
    Py_RETURN_NONE;
}

static PyMethodDef module_methods[] = {
    {"set_closed_error", set_closed_error, METH_O,
     "set_closed_error(exception_class)\n--\n\nNames the exception of calls after shutdown."},
    {"set_identity_type", set_identity_type, METH_O,
     "set_identity_type(str_subclass)\n--\n\nNames the type of messages' identities."},
    {NULL, NULL, 0, NULL},
};

static void *release_gil(void) { return PyEval_SaveThread(); }
static void acquire_gil(void *state) { PyEval_RestoreThread(state); }

PyMODINIT_FUNC PyInit__native(void)
{
    PyObject *module = sn_cffi_init();
    if (module == NULL)
        return NULL;
    sn_gil_release = release_gil;
    sn_gil_acquire = acquire_gil;
    if (!sn_message_type_init(module) || PyModule_AddFunctions(module, module_methods) < 0 ||
        PyModule_AddFunctions(module, sn_receive_methods) < 0 ||
        PyModule_AddFunctions(module, sn_send_methods) < 0) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
