/* _native: cffi's module, joined by the message type and the hot calls written against Python. */
#include "module.h"

PyObject *sn_cffi_init(void); /* cffi's PyInit, renamed by build_ffi.py */

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
    (void)module;
    if (!in_main_interpreter())
        return NULL;
    sn_set_closed_error(error);
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
    sn_set_identity_type(type);
    Py_RETURN_NONE;
}

static PyMethodDef module_methods[] = {
    {"set_closed_error", set_closed_error, METH_O,
     "set_closed_error(exception_class)\n--\n\nNames the exception of calls after shutdown."},
    {"set_identity_type", set_identity_type, METH_O,
     "set_identity_type(str_subclass)\n--\n\nNames the type of identities."},
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
    if (!sn_message_type_init(module) || !sn_methods_init(module) || PyModule_AddFunctions(module, module_methods) < 0 ||
        PyModule_AddFunctions(module, sn_receive_methods) < 0 ||
        PyModule_AddFunctions(module, sn_send_methods) < 0 ||
        PyModule_AddFunctions(module, sn_record_methods) < 0 ||
        PyModule_AddFunctions(module, sn_event_methods) < 0 ||
        PyModule_AddFunctions(module, sn_column_methods) < 0) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
