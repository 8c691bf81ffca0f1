/* The receive calls of programs that hold numbers in arrays: a column for each field, and no object for
 * each message. */
#include "module.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

typedef struct sn_column {
    const char *format; /* as memoryview.cast takes it */
    size_t size;
    PyObject *bytes;
    char *items;
} sn_column;

enum { CONNECTIONS, OFFSETS, SIZES, CHANNELS, FLAGS, NUMBERS, TIMES, SENDERS, COLUMNS };

/* Whose messages they are: a hash table of places in the list, open addressing, never more than half
 * full. */
typedef struct sn_sender {
    const SteamNetworkingIdentity *identity; /* in a message of the call; NULL: free */
    int32_t index;
} sn_sender;

typedef struct sn_columns {
    sn_received *first, *last;
    Py_ssize_t count, payload_size;
    PyObject *data, *identities;
    sn_column column[COLUMNS];
    sn_sender *senders;
    size_t mask;
} sn_columns;

static sn_record_type columns_type;

static Py_ssize_t size_of(const SteamNetworkingMessage_t *message)
{
    return message->m_cbSize > 0 && message->m_pData != NULL ? message->m_cbSize : 0;
}

/* Takes what waits; false when memory is short before anything came. */
static bool take_all(sn_columns *columns, sn_engine *engine, sn_source source, long long handle, long long limit)
{
    bool more = true;
    while (more && limit > 0) {
        sn_received *batch = sn_receive_batch(engine, source, handle, limit, &more);
        if (batch == NULL)
            return columns->count > 0;
        limit -= batch->count;
        columns->count += batch->count;
        for (int i = 0; i < batch->count; i++)
            columns->payload_size += size_of(batch->messages[i]);
        batch->next = NULL;
        *(columns->first == NULL ? &columns->first : &columns->last->next) = batch;
        columns->last = batch;
    }
    return true;
}

static bool allocate(sn_columns *columns)
{
    static const sn_column empty[COLUMNS] = {
        [CONNECTIONS] = {.format = "I", .size = sizeof(uint32_t)},
        [OFFSETS] = {.format = "q", .size = sizeof(int64_t)},
        [SIZES] = {.format = "i", .size = sizeof(int32_t)},
        [CHANNELS] = {.format = "i", .size = sizeof(int32_t)},
        [FLAGS] = {.format = "i", .size = sizeof(int32_t)},
        [NUMBERS] = {.format = "q", .size = sizeof(int64_t)},
        [TIMES] = {.format = "q", .size = sizeof(int64_t)},
        [SENDERS] = {.format = "i", .size = sizeof(int32_t)},
    };
    bool good;
    columns->mask = 1;
    while (columns->mask < (size_t)columns->count * 2)
        columns->mask *= 2;
    columns->senders = calloc(columns->mask, sizeof *columns->senders);
    columns->mask--;
    columns->data = PyBytes_FromStringAndSize(NULL, columns->payload_size);
    columns->identities = PyList_New(0);
    good = columns->senders != NULL && columns->data != NULL && columns->identities != NULL;
    for (int i = 0; i < COLUMNS && good; i++) {
        sn_column *column = &columns->column[i];
        *column = empty[i];
        column->bytes = PyBytes_FromStringAndSize(NULL, columns->count * (Py_ssize_t)column->size);
        good = column->bytes != NULL;
        column->items = good ? PyBytes_AsString(column->bytes) : NULL;
    }
    return good;
}

/* The index of the sender in the list of identities, where it is put when it is new; -1: memory is short. */
static int32_t sender_index(sn_columns *columns, const SteamNetworkingMessage_t *message)
{
    const SteamNetworkingIdentity *identity = &message->m_identityPeer;
    size_t place = sn_identity_hash(identity) & columns->mask;
    PyObject *object;
    int failed;
    for (; columns->senders[place].identity != NULL; place = (place + 1) & columns->mask)
        if (sn_same_identity(columns->senders[place].identity, identity))
            return columns->senders[place].index;
    object = sn_identity_object(identity);
    if (object == NULL)
        return -1;
    columns->senders[place] = (sn_sender){identity, (int32_t)PyList_Size(columns->identities)};
    failed = PyList_Append(columns->identities, object);
    Py_DECREF(object);
    return failed < 0 ? -1 : columns->senders[place].index;
}

static bool fill(sn_columns *columns)
{
    uint32_t *connections = (uint32_t *)(void *)columns->column[CONNECTIONS].items;
    int64_t *offsets = (int64_t *)(void *)columns->column[OFFSETS].items;
    int32_t *sizes = (int32_t *)(void *)columns->column[SIZES].items;
    int32_t *channels = (int32_t *)(void *)columns->column[CHANNELS].items;
    int32_t *flags = (int32_t *)(void *)columns->column[FLAGS].items;
    int64_t *numbers = (int64_t *)(void *)columns->column[NUMBERS].items;
    int64_t *times = (int64_t *)(void *)columns->column[TIMES].items;
    int32_t *senders = (int32_t *)(void *)columns->column[SENDERS].items;
    char *data = PyBytes_AsString(columns->data);
    Py_ssize_t row = 0, offset = 0;
    for (const sn_received *batch = columns->first; batch != NULL; batch = batch->next)
        for (int i = 0; i < batch->count; i++, row++) {
            const SteamNetworkingMessage_t *message = batch->messages[i];
            Py_ssize_t size = size_of(message);
            connections[row] = message->m_conn;
            offsets[row] = offset;
            sizes[row] = (int32_t)size;
            channels[row] = message->m_idxLane;
            flags[row] = message->m_nFlags;
            numbers[row] = message->m_nMessageNumber;
            times[row] = message->m_usecTimeReceived;
            senders[row] = sender_index(columns, message);
            if (senders[row] < 0)
                return false;
            if (size > 0)
                memcpy(data + offset, message->m_pData, (size_t)size);
            offset += size;
        }
    return true;
}

static PyObject *column_view(const sn_column *column)
{
    PyObject *view = PyMemoryView_FromObject(column->bytes);
    PyObject *typed = view != NULL ? PyObject_CallMethod(view, "cast", "s", column->format) : NULL;
    Py_XDECREF(view);
    return typed;
}

static PyObject *object_of(const sn_columns *columns)
{
    sn_fields fields = {.count = 0};
    SN_ADD(&fields, Py_NewRef(columns->data));
    for (int i = 0; i < COLUMNS; i++)
        SN_ADD(&fields, column_view(&columns->column[i]));
    SN_ADD(&fields, Py_NewRef(columns->identities));
    return sn_record_new(&columns_type, &fields);
}

/* What was not delivered is kept in its order: each batch, the last one first, before all that is kept. */
static void keep_all(sn_engine *engine, sn_received *batch)
{
    sn_received *reversed = NULL;
    while (batch != NULL) {
        sn_received *next = batch->next;
        batch->next = reversed;
        reversed = batch;
        batch = next;
    }
    while (reversed != NULL) {
        sn_received *next = reversed->next;
        sn_received_end(engine, reversed, 0);
        reversed = next;
    }
}

static void release_all(sn_engine *engine, sn_received *batch)
{
    while (batch != NULL) {
        sn_received *next = batch->next;
        for (int i = 0; i < batch->count; i++)
            batch->messages[i]->m_pfnRelease(batch->messages[i]);
        sn_received_end(engine, batch, batch->count);
        batch = next;
    }
}

static PyObject *receive_columns(PyObject *const *args, Py_ssize_t count, const char *what, sn_source source)
{
    sn_columns columns = {.first = NULL};
    PyObject *object = NULL;
    sn_engine *engine;
    long long handle, limit;
    int collecting;
    if (count != 3) {
        PyErr_SetString(PyExc_TypeError, "three arguments are needed");
        return NULL;
    }
    engine = sn_engine_argument(args[0]);
    if (engine == NULL || !sn_int_argument(args[1], what, 0, UINT32_MAX, &handle) ||
        !sn_int_argument(args[2], "max_messages", 1, LLONG_MAX, &limit))
        return NULL;
    if (!sn_enter(engine))
        return sn_raise_closed(engine);
    collecting = sn_collector_pause();
    if (take_all(&columns, engine, source, handle, limit) && allocate(&columns) && fill(&columns))
        object = object_of(&columns);
    if (object != NULL)
        release_all(engine, columns.first);
    else
        keep_all(engine, columns.first);
    sn_collector_resume(collecting);
    sn_leave(engine);
    free(columns.senders);
    Py_XDECREF(columns.data);
    Py_XDECREF(columns.identities);
    for (int i = 0; i < COLUMNS; i++)
        Py_XDECREF(columns.column[i].bytes);
    return object != NULL || PyErr_Occurred() ? object : PyErr_NoMemory();
}

static PyObject *on_connection(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    return receive_columns(args, count, "connection", SN_CONNECTION);
}

static PyObject *on_poll_group(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    return receive_columns(args, count, "poll_group", SN_POLL_GROUP);
}

static PyObject *set_columns_type(PyObject *module, PyObject *class)
{
    (void)module;
    return sn_record_type_set(&columns_type, class) ? Py_NewRef(Py_None) : NULL;
}

#define FAST(function) (PyCFunction)(void (*)(void))function, METH_FASTCALL
PyMethodDef sn_column_methods[] = {
    {"receive_columns_on_connection", FAST(on_connection), NULL},
    {"receive_columns_on_poll_group", FAST(on_poll_group), NULL},
    {"set_columns_type", set_columns_type, METH_O,
     "set_columns_type(columns)\n--\n\nNames the dataclass that columns of messages become."},
    {NULL, NULL, 0, NULL},
};
