/* The callbacks that Steam itself makes, queued for Python. */
#ifndef STEAMNET_STEAM_CALLBACKS_H
#define STEAMNET_STEAM_CALLBACKS_H

#include "engine.h"

/* Valve's CCallbackBase, as Steam sees it. Its virtual functions are two overloads of Run and a
 * size. Compilers order the overloads differently, so one function stands in both places: it
 * takes only the arguments that they share. (32-bit Windows calls methods another way: no engine
 * of ours is for it.) */
typedef struct sn_steam_callback sn_steam_callback;
typedef struct sn_steam_callback_table {
    void (*Run)(sn_steam_callback *self, const void *param);
    void (*RunWithResult)(sn_steam_callback *self, const void *param);
    int (*GetCallbackSizeBytes)(sn_steam_callback *self);
} sn_steam_callback_table;
struct sn_steam_callback {
    const sn_steam_callback_table *table;
    uint8_t m_nCallbackFlags;
    int m_iCallback;
    _Atomic(sn_engine *) *engine; /* ours: where to find the engine that is open, or NULL */
};

enum { SN_STEAM_CALLBACKS = 11 };
typedef struct sn_steam_callbacks {
    sn_steam_callback all[SN_STEAM_CALLBACKS];
} sn_steam_callbacks;

typedef void (*sn_register_callback)(sn_steam_callback *callback, int id);
typedef void (*sn_unregister_callback)(sn_steam_callback *callback);
void sn_steam_callbacks_register(sn_steam_callbacks *callbacks, _Atomic(sn_engine *) *engine,
                                 bool for_server, sn_register_callback register_callback);
void sn_steam_callbacks_unregister(sn_steam_callbacks *callbacks, sn_unregister_callback unregister_callback);

#endif
