/* Messages that were taken from an engine, and not delivered to Python because memory was short.
 *
 * Nothing may be lost for that, so the room to keep a batch is allocated before the batch is taken.
 * The next call that would receive the messages gets them before all others.
 */
#ifndef STEAMNET_UNDELIVERED_H
#define STEAMNET_UNDELIVERED_H

#include <stdatomic.h>

#include "platform/platform.h"
#include "steamnet.h"

/* Where messages are received from: what kind of handle, and the handle. */
typedef enum sn_source { SN_CONNECTION, SN_POLL_GROUP, SN_CHANNEL, SN_FAKE_PORT } sn_source;

enum { SN_BATCH_SIZE = 256 };

typedef struct sn_received {
    struct sn_received *next;
    sn_source source;
    long long handle;
    int count;
    /* Behind the last message all are NULL. */
    SteamNetworkingMessage_t *messages[SN_BATCH_SIZE];
} sn_received;

typedef struct sn_undelivered {
    sn_mutex mutex;
    sn_received *first;
    atomic_int count;           /* of messages; for the usual case of none */
    _Atomic(sn_received *) spare; /* of the last call, for the next */
} sn_undelivered;

void sn_undelivered_init(sn_engine *engine);
/* An empty batch for one receive call, made while Python's lock is held; NULL when memory is short. */
sn_received *sn_received_begin(sn_engine *engine, sn_source source, long long handle);
/* Fills the batch with up to limit messages that an earlier call could not deliver; false: there are
 * none. Those of a connection that has been closed since are released. */
bool sn_received_fill_undelivered(sn_engine *engine, sn_received *batch, int limit);
/* Ends it: the engine owns the batch again, and keeps the messages in it from number `from` on. */
void sn_received_end(sn_engine *engine, sn_received *batch, int from);
/* The engine stops: releases all messages, unless their library is gone. */
void sn_undelivered_clear(sn_engine *engine, bool disconnected);

#endif
