/* Methods of managers that run in C: a call from Python makes no frame.
 *
 * Each stands for the Python function that it decorates, which has the docstring and the signature, and
 * takes every call that is not the usual one: with keywords, or with too few or too many arguments.
 */
#include "module.h"

#include <structmember.h>

/* --- what such methods are called on ----------------------------------------------------------- */

typedef struct Holder {
    PyObject_HEAD
    sn_engine *engine; /* lives as long as the manager, which has its owner */
} Holder;

static PyTypeObject *holder_type;

static void holder_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    freefunc free_object;
    *(void **)&free_object = PyType_GetSlot(type, Py_tp_free);
    free_object(self);
    Py_DECREF(type);
}

static PyObject *holder_hold(PyObject *self, PyObject *address)
{
    sn_engine *engine = sn_engine_argument(address);
    if (engine == NULL)
        return NULL;
    ((Holder *)self)->engine = engine;
    Py_RETURN_NONE;
}

/* --- the methods ------------------------------------------------------------------------------- */

typedef PyObject *(*vectorcall)(PyObject *self, PyObject *const *args, size_t flagged_count, PyObject *names);

typedef struct Method {
    PyObject_HEAD
    vectorcall call;
    PyObject *function;
    PyObject *results; /* EResult's members by their number */
    PyObject *good;    /* EResult.OK */
} Method;

static PyTypeObject *method_type;
static PyObject *bound_type; /* types.MethodType */

static Py_ssize_t count_of(size_t flagged_count)
{
    return (Py_ssize_t)(flagged_count & ~((size_t)1 << (8 * sizeof(size_t) - 1)));
}

static PyObject *call_function(const Method *method, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    Py_ssize_t named = names != NULL ? PyTuple_Size(names) : 0;
    PyObject *positional = PyTuple_New(count), *keywords = named > 0 ? PyDict_New() : NULL, *result = NULL;
    bool good = positional != NULL && (named == 0 || keywords != NULL);
    for (Py_ssize_t i = 0; good && i < count; i++)
        good = PyTuple_SetItem(positional, i, Py_NewRef(args[i])) == 0;
    for (Py_ssize_t i = 0; good && i < named; i++)
        good = PyDict_SetItem(keywords, PyTuple_GetItem(names, i), args[count + i]) == 0;
    if (good)
        result = PyObject_Call(method->function, positional, keywords);
    Py_XDECREF(positional);
    Py_XDECREF(keywords);
    return result;
}

/* The engine, for a call with so many arguments besides self; NULL where it is not the usual one. */
static sn_engine *engine_of(PyObject *const *args, Py_ssize_t count, PyObject *names, Py_ssize_t least, Py_ssize_t most)
{
    if (names != NULL || count <= least || count > most + 1 || !PyType_IsSubtype(Py_TYPE(args[0]), holder_type))
        return NULL;
    return ((Holder *)args[0])->engine;
}

static PyObject *receive_from(PyObject *self, PyObject *const *args, size_t flagged_count, PyObject *names,
                              sn_source source)
{
    Py_ssize_t count = count_of(flagged_count);
    sn_engine *engine = engine_of(args, count, names, 1, 2);
    if (engine == NULL)
        return call_function((Method *)self, args, count, names);
    return sn_receive(engine, args[1], count == 3 ? args[2] : NULL, source);
}

static PyObject *receive_messages(PyObject *self, PyObject *const *args, size_t count, PyObject *names)
{
    return receive_from(self, args, count, names, SN_CONNECTION);
}

static PyObject *receive_messages_on_poll_group(PyObject *self, PyObject *const *args, size_t count, PyObject *names)
{
    return receive_from(self, args, count, names, SN_POLL_GROUP);
}

static PyObject *send_message(PyObject *self, PyObject *const *args, size_t flagged_count, PyObject *names)
{
    const Method *method = (Method *)self;
    Py_ssize_t count = count_of(flagged_count);
    sn_engine *engine = engine_of(args, count, names, 2, 4);
    int64_t number;
    if (engine == NULL)
        return call_function(method, args, count, names);
    if (!sn_send(engine, args[1], args[2], count > 3 ? args[3] : NULL, count > 4 ? args[4] : NULL, &number))
        return NULL;
    return number >= 0 ? Py_NewRef(method->good) : sn_member(method->results, -number);
}

static const struct {
    const char *name;
    vectorcall call;
} calls[] = {
    {"receive_messages", receive_messages},
    {"receive_messages_on_poll_group", receive_messages_on_poll_group},
    {"send_message", send_message},
};

/* method_in_c(function, results) -> the function, which C does the usual calls of */
static PyObject *method_in_c(PyObject *module, PyObject *args)
{
    PyObject *function, *results, *one = NULL, *good, *name;
    Method *method;
    vectorcall call = NULL;
    (void)module;
    if (!PyArg_ParseTuple(args, "OO!:method_in_c", &function, &PyDict_Type, &results) ||
        (name = PyObject_GetAttrString(function, "__name__")) == NULL)
        return NULL;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        if (PyUnicode_CompareWithASCIIString(name, calls[i].name) == 0)
            call = calls[i].call;
    Py_DECREF(name);
    one = sn_int(k_EResultOK);
    good = one != NULL ? PyDict_GetItemWithError(results, one) : NULL;
    Py_XDECREF(one);
    if (call == NULL || good == NULL) {
        PyErr_SetString(PyExc_ValueError, "C has no such method");
        return NULL;
    }
    method = PyObject_New(Method, method_type);
    if (method != NULL) {
        method->call = call;
        method->function = Py_NewRef(function);
        method->results = Py_NewRef(results);
        method->good = Py_NewRef(good);
    }
    return (PyObject *)method;
}

static void method_dealloc(PyObject *self)
{
    const Method *method = (Method *)self;
    PyTypeObject *type = Py_TYPE(self);
    Py_DECREF(method->function);
    Py_DECREF(method->results);
    Py_DECREF(method->good);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyObject *method_call(PyObject *self, PyObject *args, PyObject *keywords)
{
    return PyObject_Call(((Method *)self)->function, args, keywords);
}

static PyObject *method_bind(PyObject *self, PyObject *instance, PyObject *owner)
{
    (void)owner;
    if (instance == NULL || instance == Py_None)
        return Py_NewRef(self);
    return PyObject_CallFunctionObjArgs(bound_type, self, instance, NULL);
}

/* Attributes are those of the Python function: for inspect, help, and tools that read annotations. */
static PyObject *method_attribute(PyObject *self, PyObject *name)
{
    return PyObject_GetAttr(((Method *)self)->function, name);
}

static PyObject *method_repr(PyObject *self) { return PyObject_Repr(((Method *)self)->function); }

static PyMemberDef method_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Method, call), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyMethodDef holder_methods[] = {
    {"_hold", holder_hold, METH_O, "_hold($self, address, /)\n--\n\nNames the engine that methods in C call."},
    {NULL, NULL, 0, NULL},
};

/* Python's slots hold functions as void pointers, which ISO C leaves to the platform. */
#ifdef __GNUC__
#pragma GCC diagnostic ignored "-Wpedantic"
#endif
static PyType_Slot holder_slots[] = {
    {Py_tp_doc, "What methods in C are called on: it holds the engine."},
    {Py_tp_dealloc, holder_dealloc},
    {Py_tp_methods, holder_methods},
    {0, NULL},
};
static PyType_Spec holder_spec = {
    .name = "steamnet._native.EngineHolder",
    .basicsize = sizeof(Holder),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = holder_slots,
};

static PyType_Slot method_slots[] = {
    {Py_tp_dealloc, method_dealloc},
    {Py_tp_call, method_call},
    {Py_tp_descr_get, method_bind},
    {Py_tp_getattro, method_attribute},
    {Py_tp_repr, method_repr},
    {Py_tp_members, method_members},
    {0, NULL},
};
/* The stable ABI has had this flag since 3.12; its number has been the same since 3.8. */
#ifndef Py_TPFLAGS_HAVE_VECTORCALL
#define Py_TPFLAGS_HAVE_VECTORCALL (1UL << 11)
#endif
static PyType_Spec method_spec = {
    .name = "steamnet._native.MethodInC",
    .basicsize = sizeof(Method),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE |
             Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR,
    .slots = method_slots,
};

static PyMethodDef methods[] = {
    {"method_in_c", method_in_c, METH_VARARGS,
     "method_in_c(function, results)\n--\n\nHas C do the usual calls of a manager's method."},
    {NULL, NULL, 0, NULL},
};

bool sn_methods_init(PyObject *module)
{
    PyObject *types = PyImport_ImportModule("types");
    bound_type = types != NULL ? PyObject_GetAttrString(types, "MethodType") : NULL;
    Py_XDECREF(types);
    holder_type = (PyTypeObject *)PyType_FromSpec(&holder_spec);
    method_type = (PyTypeObject *)PyType_FromSpec(&method_spec);
    return bound_type != NULL && holder_type != NULL && method_type != NULL &&
           PyModule_AddObjectRef(module, "EngineHolder", (PyObject *)holder_type) == 0 &&
           PyModule_AddFunctions(module, methods) == 0;
}
