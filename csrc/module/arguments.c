/* Arguments and errors of the hot calls. */
#include "module.h"

static PyObject *closed_error;

PyObject *sn_raise_closed(const sn_engine *engine)
{
    PyErr_SetString(closed_error != NULL ? closed_error : PyExc_ValueError,
                    sn_closed_reason(engine));
    return NULL;
}

void sn_set_closed_error(PyObject *error)
{
    PyObject *old = closed_error;
    closed_error = Py_NewRef(error);
    Py_XDECREF(old);
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
    if (overflow <= 0 && *out < low && high == LLONG_MAX) {
        PyErr_Format(PyExc_ValueError, "%s must be at least %lld, not %R", what, low, value);
        return false;
    }
    if (overflow != 0 || *out < low || *out > high) {
        PyErr_Format(PyExc_ValueError, "%s must be from %lld to %lld, not %R", what, low, high, value);
        return false;
    }
    return true;
}
