/* The hot half of _native: what the files of this folder share. They alone include Python.h. */
#ifndef STEAMNET_MODULE_H
#define STEAMNET_MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "../guard.h"

/* Raises steamnet.ClosedError, which errors.py hands down. Returns NULL. */
PyObject *sn_raise_closed(const sn_engine *engine);
void sn_set_closed_error(PyObject *error);
/* The engine behind the address that Python passes around. */
sn_engine *sn_engine_argument(PyObject *address);
/* Reads a whole number within bounds: TypeError for another type, ValueError outside. */
bool sn_int_argument(PyObject *value, const char *what, long long low, long long high, long long *out);

/* The message type. */
bool sn_message_type_init(PyObject *module);
void sn_message_identity_type(PyObject *type); /* a kind of str, of which the identities are made */
/* A message made of Valve's, and, once nothing can fail any more, what the message has from Valve's:
 * the payload if that was not copied. Until then Valve's message is the caller's. */
PyObject *sn_message_new(const SteamNetworkingMessage_t *native);
void sn_message_take_over(PyObject *message, sn_engine *engine, SteamNetworkingMessage_t *native);

extern PyMethodDef sn_receive_methods[], sn_send_methods[];

#endif
